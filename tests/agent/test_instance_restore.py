"""An instance restores: the password that comes sealed, what is brought, and what is told of it."""

from tests.agent.conftest import PASSWORD
from tests.agent.instance_restores import World, none_of
from tests.agent.running_agents import wait_until


def test_with_the_right_password_everything_is_brought_and_told(world: World) -> None:
    world.agent.start()
    wait_until(lambda: world.double.states()[-1:] == ["usable"] and world.phases()[-1] == "running", 60)

    assert world.is_whole()
    assert world.double.states() == ["restoring", "validating", "usable"]
    assert world.phases() == ["installing", "restoring", "pending_activation", "running"]
