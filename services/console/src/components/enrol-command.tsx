import { Button, Text } from "@mantine/core";
import { ageText } from "../format/instants";
import { t } from "../messages";
import { type Enrolment, useOfferEnrolment } from "../queries/enrolments";
import { CopyField } from "./copy-field";
import { useNow } from "./instant";
import { ProblemNote } from "./problem-note";

const words = t.backups.first.signIn;

/** Makes a command that signs another machine in as this owner, once. */
export function EnrolCommand() {
  const offer = useOfferEnrolment();
  return (
    <>
      {offer.isError && <ProblemNote error={offer.error} />}
      {offer.data && <Offered enrolment={offer.data} />}
      <div>
        <Button variant="default" loading={offer.isPending} onClick={() => offer.mutate()}>
          {offer.data ? words.again : words.make}
        </Button>
      </div>
    </>
  );
}

function Offered({ enrolment: { code, expires_at } }: { enrolment: Enrolment }) {
  const now = useNow(5_000);
  if (Date.parse(expires_at) <= now) return <Text role="status">{words.over}</Text>;
  return (
    <>
      <CopyField value={`space login --origin ${location.origin} --enrol ${code}`} what={words.command} />
      <Text c="dimmed">{words.until(ageText(expires_at, now))}</Text>
    </>
  );
}
