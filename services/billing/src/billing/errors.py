"""What can be refused here, each with a stable code."""

from shared.errors import Kind, ServiceError


class PriceBookInvalid(ServiceError):
    """The price book cannot be used; ``problems`` says what and where."""

    code = "price_book_invalid"
    kind = Kind.INVALID


class PlaceUnknown(ServiceError):
    """There is no price for that provider, region or plan."""

    code = "place_unknown"
    kind = Kind.INVALID


class QuoteNotFound(ServiceError):
    """No such quote of this owner."""

    code = "quote_not_found"
    kind = Kind.NOT_FOUND


class QuoteExpired(ServiceError):
    """A quote holds for a day, or until prices change."""

    code = "quote_expired"
    kind = Kind.GONE


class QuoteTokenWrong(ServiceError):
    """What is confirmed is not what was promised."""

    code = "quote_token_wrong"
    kind = Kind.INVALID


class QuoteConfirmed(ServiceError):
    """The quote was confirmed before, in another way."""

    code = "quote_confirmed"
    kind = Kind.CONFLICT


class OrderNotFound(ServiceError):
    """No such order of this owner."""

    code = "order_not_found"
    kind = Kind.NOT_FOUND


class OrderFinal(ServiceError):
    """The order has gone too far for that."""

    code = "order_final"
    kind = Kind.CONFLICT


class OrderOfRestore(ServiceError):
    """A restore has ordered it; ``restore_id`` says which."""

    code = "order_of_restore"
    kind = Kind.CONFLICT


class PaymentMethodNotFound(ServiceError):
    """No such payment method of this owner."""

    code = "payment_method_not_found"
    kind = Kind.NOT_FOUND


class PaymentMethodNeeded(ServiceError):
    """There is nothing to charge."""

    code = "payment_method_needed"
    kind = Kind.CONFLICT


class PaymentMethodInUse(ServiceError):
    """A charge of this method is under way."""

    code = "payment_method_in_use"
    kind = Kind.CONFLICT


class PaymentMethodLimit(ServiceError):
    """There are as many payment methods as one owner may have."""

    code = "payment_method_limit"
    kind = Kind.CONFLICT


class CardRefused(ServiceError):
    """The card cannot be used; ``reason`` says why."""

    code = "card_refused"
    kind = Kind.INVALID


class ProviderUnavailable(ServiceError):
    """The payment provider does not answer."""

    code = "provider_unavailable"
    kind = Kind.UNAVAILABLE


class PaymentNotFound(ServiceError):
    """No such payment of this owner."""

    code = "payment_not_found"
    kind = Kind.NOT_FOUND


class WebhookNotGenuine(ServiceError):
    """The webhook is not the provider's: its signature is missing, wrong or old."""

    code = "webhook_not_genuine"
    kind = Kind.UNAUTHENTICATED


class InvoiceNotFound(ServiceError):
    """No such invoice of this owner."""

    code = "invoice_not_found"
    kind = Kind.NOT_FOUND


class InvoiceNotPayable(ServiceError):
    """The invoice is a draft, paid, or its payment is under way."""

    code = "invoice_not_payable"
    kind = Kind.CONFLICT


class InvoiceFinal(ServiceError):
    """The invoice has gone too far for that."""

    code = "invoice_final"
    kind = Kind.CONFLICT


class NothingToSettle(ServiceError):
    """The owner pays for no such instance by the month: it is not in use yet, has ended, or is not theirs."""

    code = "nothing_to_settle"
    kind = Kind.NOT_FOUND


class CreditNoteNotFound(ServiceError):
    """No such credit note of this owner."""

    code = "credit_note_not_found"
    kind = Kind.NOT_FOUND


class CurrencyWrong(ServiceError):
    """The amount is in another currency than the account."""

    code = "currency_wrong"
    kind = Kind.INVALID


class AmountTooSmall(ServiceError):
    """A card is not charged for so little."""

    code = "amount_too_small"
    kind = Kind.INVALID


class TestClockRefused(ServiceError):
    """Time is only let pass for the sandbox's money, and only forwards."""

    __test__ = False
    code = "test_clock_refused"
    kind = Kind.CONFLICT
