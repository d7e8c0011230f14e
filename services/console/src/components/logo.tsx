import { rem } from "@mantine/core";

export function Logo({ size }: { size: number }) {
  return <img src="/assets/icon.svg" style={{ width: rem(size), height: rem(size) }} alt="" />;
}
