import { Center, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Navigate, useLocation } from "react-router";
import { linkStore } from "../../api/sign-in-link";
import { CopyField } from "../../components/copy-field";
import { Logo } from "../../components/logo";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { useResumed } from "../../components/use-resumed";
import { t } from "../../messages";
import { ByCode } from "./by-code";
import { ByLink } from "./by-link";
import { destinationOf } from "./destination";

const words = t.signIn;

/** The way in, and on to where one wanted to go. */
export function Component() {
  const { session, failure, retry } = useResumed();
  const { state: from } = useLocation();
  const secret = useSyncExternalStore(linkStore.subscribe, linkStore.read);
  const [refusal, setRefusal] = useState<unknown>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = t.shell.title(words.title);
    heading.current?.focus({ preventScroll: true });
  }, []);

  const owner = session.state === "signed-in" ? session.owner : null;
  if (owner && secret === null) return <Navigate to={destinationOf(from)} replace />;
  const because = session.state === "signed-out" && session.because !== "never" ? words.because[session.because] : null;
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="100%" maw={480} gap="lg">
        <div>
          <Group gap="sm">
            <Logo size={32} />
            <Title order={1} size="h2" ref={heading} tabIndex={-1}>
              {words.title}
            </Title>
          </Group>
          {because && (
            <Text mt="xs" role="status">
              {because}
            </Text>
          )}
        </div>
        {refusal !== null && <ProblemNote error={refusal} title={words.link.failed} />}
        {session.state === "unknown" && failure === null && <Skeleton h={420} aria-busy aria-label={t.shell.loading} />}
        {session.state === "unknown" && failure !== null && <ProblemNote error={failure} onRetry={retry} />}
        {session.state !== "unknown" && secret !== null && (
          <ByLink secret={secret} owner={owner} onFailed={setRefusal} />
        )}
        {session.state === "signed-out" && secret === null && (
          <>
            <ByCode />
            <Panel title={words.command.title}>
              <Text>{words.command.text}</Text>
              <CopyField value={`space login --web --origin ${location.origin}`} what={words.command.what} />
            </Panel>
          </>
        )}
      </Stack>
    </Center>
  );
}
