import { Button, List, Skeleton, Stack, Text } from "@mantine/core";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import { qrPath } from "./qr-path";
import classes from "./sign-in.module.css";
import { type ShownCode, useCode } from "./use-code";

const words = t.signIn.larepass;

/** Signs in whoever scans the code that is shown. */
export function ByCode() {
  const { code, show } = useCode();
  return (
    <Panel title={words.title}>
      <List type="ordered" spacing={4}>
        {words.steps.map((step) => (
          <List.Item key={step}>{step}</List.Item>
        ))}
      </List>
      <div className={classes.code}>
        <Shown code={code} onShow={show} />
      </div>
      {code.state === "shown" && (
        <Text size="sm" c="dimmed" ta="center">
          {words.renewed}
        </Text>
      )}
    </Panel>
  );
}

function Shown({ code, onShow }: { code: ShownCode; onShow: () => void }) {
  switch (code.state) {
    case "loading":
      return <Skeleton className={classes.picture} aria-busy aria-label={t.shell.loading} />;
    case "shown":
      return <Picture content={code.content} />;
    case "failed":
      return (
        <Stack gap="xs">
          <ProblemNote error={code.error} title={words.failed} {...(code.again ? {} : { onRetry: onShow })} />
          {code.again && <Text size="sm">{words.retried}</Text>}
        </Stack>
      );
    default:
      return (
        <Stack align="center" role="status">
          <Text>{words[code.state]}</Text>
          <Button variant="default" onClick={onShow}>
            {words.show}
          </Button>
        </Stack>
      );
  }
}

function Picture({ content }: { content: string }) {
  const { size, path } = qrPath(content);
  return (
    <svg className={classes.picture} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={words.code}>
      {/* Black on white in the dark too: cameras know nothing else. */}
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" shapeRendering="crispEdges" />
    </svg>
  );
}
