"""An order of a restore to the cloud: the password first, then the charges, then the owner's yes."""

import time
from dataclasses import replace

from agent import api, cloud_asking, cloud_service, cloud_words, lookup
from agent.billing_wire import PaymentMethod
from agent.cloud_choosing import Chooser, CloudRequest, Place, Wish, fits
from agent.cloud_password import KeptPassword
from agent.cloud_service import RestoreService
from agent.cloud_wire import CloudRestore, Quote
from agent.errors import CloudRestoreEnded, ExitCode, ServerRefused, SpaceError, UsageError
from agent.money import money_text
from agent.output import Output, size_text
from agent.provisioning_wire import Offers

POLL_SECONDS = 1.0
# With --no-wait: a declined card is known within seconds.
HOLD_SECONDS = 30.0
DROP_SECONDS = 30.0


class CloudOrder:
    """From a wish to a confirmed order; `found` is the restore as it was last seen, None before there is one."""

    def __init__(
        self, service: RestoreService, request: CloudRequest, password: KeptPassword, out: Output, *, asks: bool
    ) -> None:
        self.found: CloudRestore | None = None
        self._service = service
        self._request = request
        self._password = password
        self._out = out
        self._asks = asks
        self._chooser = Chooser(service.client, out, asks=asks)

    def place(self, *, with_password: bool) -> CloudRestore:
        """Choose, check the password, order, and wait for the charges. Nothing is paid yet."""
        request = self._request
        task = self._chooser.backup(request.backup)
        snapshot = self._chooser.snapshot(task, request)
        place = self._chooser.place(request, snapshot.size_processed_bytes)
        wish = Wish(snapshot.snapshot_id, place, self._chooser.name(task, request))
        if with_password:
            self._out.say("The backup password is checked on this machine before anything is ordered.")
            self._password.settle(task.backup_id)
        return self._order(wish, task.terminus_name)

    def take_up(self, found: CloudRestore) -> None:
        self.found = found

    def confirm(self) -> CloudRestore:
        """Show the charges, ask for the owner's yes, and see to it that the money is held.

        Raises:
            CloudRestoreEnded: `payment_method_needed` or a declined card: the order stays quoted.
            UsageError: `not_confirmed`: the owner said no.
        """
        found = self._quoted()
        method = self._method(found)
        self._show_charges(found)
        while True:
            self._ask(found, method)
            try:
                found = self._held(found, method)
            except ServerRefused as error:
                found = self._asked_anew(found, error)
                method = self._method(found)
                continue
            if not _is_declined(found):
                return found
            method = self._another_method(found)

    def _order(self, wish: Wish, default_name: str | None) -> CloudRestore:
        while True:
            try:
                self.found = self._service.order(wish.body())
            except ServerRefused as error:
                if cloud_service.is_away(error):
                    raise cloud_service.in_doubt(error) from error
                cloud_service.forget_order()
                wish = self._otherwise(wish, error, default_name)
                continue
            except SpaceError as error:
                raise (cloud_service.in_doubt(error) if cloud_service.is_away(error) else error) from error
            cloud_service.forget_order()
            if self.found.state in cloud_words.OVER - {"failed"}:
                # The lost answer was one to an order that has come to its end since.
                continue
            return self._quoted()

    def _otherwise(self, wish: Wish, error: ServerRefused, default_name: str | None) -> Wish:
        """What is ordered instead, where somebody can choose; else the refusal with what to do."""
        self._explain(wish, error)
        if not self._asks:
            raise error
        place = wish.place
        match error.code:
            case "name_in_use" | "instance_name_invalid":
                self._out.error(error)
                return replace(wish, instance_name=cloud_asking.text("Another name for the instance"))
            case "plan_too_small":
                self._out.error(error)
                request = replace(self._request, provider=place.provider, region=place.region, plan=None)
                return replace(wish, place=self._chooser.place(request, _number(error.extra.get("size_bytes"))))
            case "offer_unavailable" | "offer_unknown" | "place_unknown":
                self._out.error(error)
                return replace(wish, place=self._chooser.place(CloudRequest(), None))
        raise error

    def _explain(self, wish: Wish, error: ServerRefused) -> None:
        match error.code:
            case "name_in_use":
                error.hint = _in_use_hint(wish.instance_name, error, "choose another --name")
            case "instance_name_invalid":
                error.hint = "Give one with --name, such as --name alice@olares.com."
            case "plan_too_small":
                error.hint = self._fitting(wish.place, _number(error.extra.get("size_bytes")))
            case "offer_unavailable" | "offer_unknown" | "place_unknown":
                error.hint = "`space offers` lists what there is now."

    def _fitting(self, place: Place, size_bytes: int | None) -> str:
        """Plans whose disk is large enough, those of the same place first."""
        offers = api.parse(Offers, self._service.client.get("/offers", authorised=False))
        fitting = [
            (of.provider != place.provider or at.region != place.region, of.provider, at.region, plan)
            for of in offers.providers
            for at in of.regions
            for plan in at.plans
            if plan.available and fits(plan, size_bytes)
        ]
        if not fitting:
            return "No plan that can be had now has a disk that is large enough: `space offers`."
        _, provider, region, plan = min(fitting, key=lambda each: (each[0], each[3].disk_bytes))
        elsewhere = f" --provider {provider} --region {region}" if (provider, region) != (
            place.provider, place.region) else ""  # fmt: skip
        return f"This one fits: --plan {plan.plan}{elsewhere} ({size_text(plan.disk_bytes)} disk)."

    def _quoted(self) -> CloudRestore:
        """The order with its charges."""
        found = self._wait_while("quoting", "Order")
        if found.state in cloud_words.OVER:
            raise cloud_words.ended(found, None)
        return found

    def _held(self, found: CloudRestore, method: PaymentMethod | None) -> CloudRestore:
        method_id = None if method is None else method.payment_method_id
        self.found = self._service.confirm(found.restore_id, method_id)
        return self._wait_while("authorising", "Order", None if self._request.wait else HOLD_SECONDS)

    def _wait_while(self, state: str, label: str, seconds: float | None = None) -> CloudRestore:
        assert self.found is not None
        if self.found.state != state:
            return self.found
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._out.waiting(label) as show:
            while self.found.state == state and (deadline is None or time.monotonic() < deadline):
                show(cloud_words.state_text(state).lower())
                time.sleep(POLL_SECONDS)
                self.found = self._service.look(self.found.restore_id)
        return self.found

    def _show_charges(self, found: CloudRestore) -> None:
        self._out.say("")
        for line in cloud_words.charges(found, _quote(found)):
            self._out.say(line)
        self._out.say("")

    def _method(self, found: CloudRestore) -> PaymentMethod | None:
        """The card that is charged: the one that was named, else the default; None where none is needed."""
        wanted = self._request.payment_method
        methods = self._service.payment_methods() if wanted or _quote(found).applied.card.amount_minor else []
        if wanted is not None:
            method_id = lookup.whole_id(self._service.client, "/payment-methods", "payment_method_id", wanted)
            named = next((each for each in methods if each.payment_method_id == method_id), None)
            if named is None:
                raise UsageError("payment_method_not_found", f"You have no payment method {wanted}.")
            return named
        if not _quote(found).applied.card.amount_minor:
            return None
        default = next((each for each in methods if each.is_default), None)
        if default is None:
            self._show_charges(found)
            raise _stays_quoted(found, "payment_method_needed", "You have no card that could be charged.", _ADD)
        return default

    def _ask(self, found: CloudRestore, method: PaymentMethod | None) -> None:
        if self._request.yes:
            return
        card = "" if method is None else f" with {_card_text(method)}"
        if not self._asks:
            raise _stays_quoted(found, "confirmation_needed", "Nobody can be asked whether to order.", "Add --yes")
        if not cloud_asking.is_sure(f"Order this for {money_text(_quote(found).total)}{card}?"):
            raise UsageError("not_confirmed", "Not ordered.", hint=cloud_words.comes_back(found))

    def _asked_anew(self, found: CloudRestore, error: ServerRefused) -> CloudRestore:
        """A new offer where the old one has expired and somebody can be asked; else the refusal."""
        if error.code == "name_in_use":
            error.hint = _in_use_hint(found.cloud.instance_name, error, "then go on with " + cloud_words.command(found))
        if error.code != "quote_expired":
            raise error
        error.hint = "Run `space restore --to-cloud` again: the charges are shown anew."
        if not self._asks or self._request.yes:
            raise error
        self._out.say("This offer has expired, so the charges are worked out anew.")
        place = Place(found.cloud.provider, found.cloud.region, found.cloud.plan)
        self._drop(found)
        found = self._order(Wish(found.snapshot_id, place, found.cloud.instance_name), None)
        self._show_charges(found)
        return found

    def _drop(self, found: CloudRestore) -> None:
        """So that the old order does not keep the name from the new one; one that is over is fine too."""
        try:
            self.found = self._service.cancel(found.restore_id)
            self._wait_while("undoing", "Order", DROP_SECONDS)
        except ServerRefused as error:
            if cloud_service.is_away(error):
                raise

    def _another_method(self, found: CloudRestore) -> PaymentMethod:
        """A card to try instead of the one that was declined.

        Raises:
            CloudRestoreEnded: Nobody can choose, or there is no other.
        """
        why = found.reason or "The card was declined."
        code = found.code or "card_declined"
        other = "Use another card with --payment-method ID or `space payment-method add`"
        if not self._asks:
            raise _stays_quoted(found, code, f"The payment failed: {why}", other)
        self._out.warn(f"The payment failed: {why} Nothing is charged.")
        methods = self._service.payment_methods()
        for number, method in enumerate(methods, start=1):
            default = ", default" if method.is_default else ""
            self._out.say(f"  {number}  {_card_text(method)}{default}")
        self._out.say(f"  {len(methods) + 1}  none of these")
        chosen = cloud_asking.choose(self._out, "Pay with which card?", [None] * (len(methods) + 1))
        if chosen == len(methods):
            raise _stays_quoted(found, code, f"The payment failed: {why}", _ADD)
        return methods[chosen]


_ADD = "Add a card with `space payment-method add`"


def _quote(found: CloudRestore) -> Quote:
    if found.cloud.quote is None:
        raise SpaceError("answer_invalid", "This order has no charges, so it cannot be confirmed.")
    return found.cloud.quote


def _is_declined(found: CloudRestore) -> bool:
    return found.state == "quoted"


def _stays_quoted(found: CloudRestore, code: str, message: str, advice: str) -> CloudRestoreEnded:
    hint = f"{advice}, then go on with {cloud_words.command(found)}.\nThe order stays quoted; nothing is charged."
    return CloudRestoreEnded(code, message, hint=hint, restore_id=str(found.restore_id), exit_code=ExitCode.REFUSED)


def _in_use_hint(name: str, error: ServerRefused, otherwise: str) -> str:
    used_by = error.extra.get("instance_id")
    if not used_by:
        return f"Another restore of yours wants it (`space restores`), or {otherwise}."
    return f"Your instance {name} has it. Return it first: `space instance return {used_by}`; or {otherwise}."


def _card_text(method: PaymentMethod) -> str:
    return f"{method.brand} ending in {method.last4}"


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
