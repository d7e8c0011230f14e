"""What is wanted in a story and what strikes it, all from one seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal
from uuid import UUID

from shared.events.base import Envelope, Event
from shared.events.restore import InstanceUnwanted, InstanceWanted

Action = Literal["restart", "stop", "start", "return"]
Moment = Literal["at once", "later", "in the act", "at the first trace"]

NOT_OFFERED = "gigantic"
CAUGHT = 2
"""The wish that is called off while nobody knows that its machine was just made."""
WORKERS = ("provisioning-worker", "provisioning-worker-2")
AGENT = "an agent"
PROCESSES = (*WORKERS, "provisioning-api")
SERVERS = ("rabbitmq", "postgres", "caddy", "catalog-worker", "billing-worker")


@dataclass(frozen=True)
class Message:
    """An envelope that goes to the broker; the same one may go twice."""

    envelope: dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """An owner asks by hand; nobody is surprised when that is refused."""

    instance_id: UUID
    action: Action


@dataclass(frozen=True)
class Blow:
    """What is killed at one moment, or frozen for a while; each is started again after its pause.

    Args:
        moment: ``in the act`` is when something changes in the folder of the machines, or soon after.
        freeze_seconds: Not killed but stopped for this long; null for killed.
    """

    victims: Sequence[str]
    moment: Moment
    pause_seconds: float
    freeze_seconds: float | None


Step = Message | Ask | Blow


@dataclass(frozen=True)
class Story:
    """What happens in which order.

    Args:
        wishes: By instance.
    """

    wishes: dict[UUID, InstanceWanted]
    steps: Sequence[Step]

    @property
    def kills(self) -> int:
        return sum(len(step.victims) for step in self.steps if isinstance(step, Blow) and step.freeze_seconds is None)


class Writer:
    """Writes the story of a seed.

    Args:
        owners: Whose wishes there are; the seed names them by their place.
        kills: How many processes are killed.
        with_servers: Whether also those go that keep the data.
    """

    def __init__(self, random: Random, owners: Sequence[UUID], kills: int, *, with_servers: bool) -> None:
        self._random = random
        self._owners = owners
        self._kills = kills
        self._victims = [*WORKERS, *PROCESSES, AGENT, AGENT, *(SERVERS if with_servers else ())]
        self._placed: list[tuple[float, Step]] = []
        self._wishes: dict[UUID, InstanceWanted] = {}

    def write(self, instances: int) -> Story:
        for number in range(instances):
            self._wish(number, instances)
        kills = 0
        while kills < self._kills:
            kills += self._blow(self._kills - kills)
        self._placed.sort(key=lambda placed: placed[0])
        return Story(self._wishes, [step for _, step in self._placed])

    def _wish(self, number: int, instances: int) -> None:
        """One instance, with all that is said of it. Long stories end most, so that not too many live at once."""
        random = self._random
        at = (number + random.random()) / instances * 0.8
        # Every fourth has the name of the one before it, which may be free by then.
        shared = number - 1 if number % 4 == 3 else number
        wanted = InstanceWanted(
            owner_id=self._owners[shared % len(self._owners)],
            instance_id=self._id(),
            instance_name=f"home{shared}@olares.com",
            provider="local",
            region="local",
            plan=NOT_OFFERED if number == 5 else random.choice(("small", "medium")),
        )
        self._wishes[wanted.instance_id] = wanted
        self._say(at, wanted)
        if random.random() < 0.5:
            self._say(at + random.random() * 0.2, wanted)
        fate = random.choices(("kept", "unwanted", "unwanted at once", "never wanted", "returned"), (6, 3, 1, 1, 3))[0]
        if number in (1, 4):
            fate = ("never wanted", "unwanted at once")[number % 2]
        unwanted = InstanceUnwanted(owner_id=wanted.owner_id, instance_id=wanted.instance_id, reason="Called off.")
        if number == CAUGHT:
            self._placed.append((at + 1e-6, Blow(WORKERS, "at the first trace", 2.0, None)))
            self._say(at + 2e-6, unwanted)
        elif fate == "unwanted":
            self._say(at + random.uniform(0.05, 0.4), unwanted)
        elif fate == "unwanted at once":
            self._say(at + 0.001, unwanted)
        elif fate == "never wanted":
            self._say(at - 0.05, unwanted)
        elif fate == "returned":
            self._placed.append((at + random.uniform(0.1, 0.4), Ask(wanted.instance_id, "return")))
        self._ask_for_something(at, wanted.instance_id)

    def _ask_for_something(self, at: float, instance_id: UUID) -> None:
        random = self._random
        if random.random() < 0.4:
            action: Action = random.choice(("restart", "restart", "stop"))
            at += random.uniform(0.1, 0.3)
            self._placed.append((at, Ask(instance_id, action)))
            if action == "stop" and random.random() < 0.7:
                self._placed.append((at + 0.1, Ask(instance_id, "start")))

    def _say(self, at: float, event: Event) -> None:
        # The same message once more, or the same wish in another message, as after a crash of who publishes it.
        known = [step for _, step in self._placed if isinstance(step, Message)]
        same = [step for step in known if step.envelope["data"] == event.model_dump(mode="json")]
        message = same[0] if same and self._random.random() < 0.5 else Message(self._envelope(event))
        self._placed.append((at, message))

    def _envelope(self, event: Event) -> dict[str, Any]:
        envelope = Envelope(
            id=self._id(),
            source=f"/{event.publisher()}",
            type=event.name,
            time=datetime.now(UTC),
            data=event.model_dump(mode="json"),
        )
        return envelope.model_dump(mode="json")

    def _blow(self, most: int) -> int:
        """Place one blow; how many it kills. Most fall right after a wish, when there is work to be met in."""
        random = self._random
        said = [at for at, step in self._placed if isinstance(step, Message)]
        at = random.choice(said) + 0.0001 * random.random() if random.random() < 0.7 else random.uniform(0.1, 1.1)
        moment: Moment = random.choice(("at once", "later", "in the act", "in the act", "in the act"))
        pause_seconds = random.choice((0.0, 0.5, 2.0))
        if random.random() < 0.15:
            freeze_seconds = random.uniform(0.5, 2.0)
            self._placed.append((at, Blow([random.choice(WORKERS)], moment, 0.0, freeze_seconds)))
            return 0
        victims = [random.choice(self._victims)]
        if most > 1 and random.random() < 0.3:
            # Both workers at once, mostly: then nobody is there to go on.
            second = [name for name in WORKERS if name != victims[0]] if victims[0] in WORKERS else PROCESSES
            victims.append(random.choice(second))
        self._placed.append((at, Blow(victims, moment, pause_seconds, None)))
        return len(victims)

    def _id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)
