import { Anchor, VisuallyHidden } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { Link } from "react-router";
import { t } from "../../messages";
import { STEPS, type Step } from "./choices";
import classes from "./steps.module.css";

const words = t.restore.steps;

/** Where one is in the wizard; steps that are done lead back. */
export function Steps({ current, to }: { current: Step; to: (step: Step) => string }) {
  const here = STEPS.indexOf(current);
  return (
    <nav aria-label={words.label}>
      <ol className={classes.steps}>
        {STEPS.map((step, place) => (
          <li
            key={step}
            className={classes.step}
            data-current={place === here || undefined}
            aria-current={place === here ? "step" : undefined}
          >
            <span className={classes.number} aria-hidden>
              {place < here ? <IconCheck size={16} /> : place + 1}
            </span>
            {place < here ? (
              <Anchor component={Link} to={to(step)}>
                {words[step]}
                <VisuallyHidden> {words.done}</VisuallyHidden>
              </Anchor>
            ) : (
              <span>{words[step]}</span>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
