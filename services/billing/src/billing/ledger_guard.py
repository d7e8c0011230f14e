"""What the database itself refuses: a ledger that is changed or does not sum to zero, and an invoice that changes."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import DDL, MetaData, event

FUNCTIONS = (
    """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
""",
    """
CREATE OR REPLACE FUNCTION check_transaction_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted bigint := CASE TG_TABLE_NAME WHEN 'ledger_entries' THEN (to_jsonb(NEW)->>'transaction_id')::bigint
                                        ELSE (to_jsonb(NEW)->>'id')::bigint END;
    total numeric;
BEGIN
    SELECT sum(amount_minor) INTO total FROM ledger_entries WHERE transaction_id = wanted;
    IF total IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'ledger transaction % sums to %, not to zero', wanted, coalesce(total::text, 'nothing')
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
""",
    """
CREATE OR REPLACE FUNCTION keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (OLD.number, OLD.kind, OLD.currency, OLD.owner_id, OLD.period_start, OLD.period_end,
            OLD.net_minor, OLD.tax_minor, OLD.total_minor, OLD.tax_country, OLD.tax_rate, OLD.billed_to,
            OLD.finalised_at)
        IS DISTINCT FROM (NEW.number, NEW.kind, NEW.currency, NEW.owner_id, NEW.period_start, NEW.period_end,
            NEW.net_minor, NEW.tax_minor, NEW.total_minor, NEW.tax_country, NEW.tax_rate, NEW.billed_to,
            NEW.finalised_at) THEN
        RAISE EXCEPTION 'invoice % is final', OLD.number USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE OR REPLACE FUNCTION keep_invoice_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted uuid := CASE TG_OP WHEN 'INSERT' THEN NEW.invoice_id ELSE OLD.invoice_id END;
BEGIN
    IF EXISTS (SELECT FROM invoices WHERE id = wanted AND number IS NOT NULL) THEN
        RAISE EXCEPTION 'the lines of a final invoice do not change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$
""",
)

TRIGGERS = {
    "ledger_transactions": (
        """
CREATE TRIGGER ledger_transactions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
""",
        """
CREATE CONSTRAINT TRIGGER ledger_transactions_sum AFTER INSERT ON ledger_transactions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_transaction_sum()
""",
    ),
    "ledger_entries": (
        """
CREATE TRIGGER ledger_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
""",
        """
CREATE CONSTRAINT TRIGGER ledger_entries_sum AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_transaction_sum()
""",
    ),
    "invoices": (
        """
CREATE TRIGGER invoices_stay BEFORE UPDATE OR DELETE ON invoices
    FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION keep_invoice()
""",
    ),
    "invoice_lines": (
        """
CREATE TRIGGER invoice_lines_stay BEFORE INSERT OR UPDATE OR DELETE ON invoice_lines
    FOR EACH ROW EXECUTE FUNCTION keep_invoice_lines()
""",
    ),
    "credit_notes": (
        """
CREATE TRIGGER credit_notes_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_notes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
""",
    ),
}


def install(execute: Callable[[str], Any]) -> None:
    """Put the guards in place; ``execute`` runs one statement, such as a migration's ``op.execute``."""
    for statement in (*FUNCTIONS, *(each for triggers in TRIGGERS.values() for each in triggers)):
        execute(statement)


def attach(metadata: MetaData) -> None:
    """Let ``create_all`` put the guards in place as well."""
    for statement in (*FUNCTIONS, *(each for triggers in TRIGGERS.values() for each in triggers)):
        event.listen(metadata, "after_create", DDL(statement.replace("%", "%%")))  # type: ignore[no-untyped-call]  # DDL has no annotations
