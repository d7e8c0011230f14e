import { Button, Group, NativeSelect, SimpleGrid, Skeleton, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useMemo, useState } from "react";
import { Panel } from "../../components/panel";
import { ProblemNote } from "../../components/problem-note";
import { t } from "../../messages";
import { type BillingDetails, billingDetailsQuery, useSaveBillingDetails } from "../../queries/billing-details";
import { countries } from "./countries";
import { wrongFields } from "./wrong-fields";

const words = t.payment.details;
const MOST_LINES = 6;
const SENT_AS = {
  name: "name",
  country: "country",
  address: "address_lines",
  taxId: "tax_id",
  email: "email",
} as const;

/** To whom invoices are addressed, and by whose tax. */
export function Details() {
  const found = useQuery(billingDetailsQuery);
  return (
    <Panel title={words.title}>
      <Text>{words.text}</Text>
      {found.isPending && <Skeleton h={320} />}
      {found.isError && !found.data && <ProblemNote error={found.error} onRetry={() => void found.refetch()} />}
      {found.data && <Form details={found.data} />}
    </Panel>
  );
}

function Form({ details }: { details: BillingDetails }) {
  const [typed, setTyped] = useState(() => ({
    name: details.name ?? "",
    country: details.country ?? "",
    address: (details.address_lines ?? []).join("\n"),
    taxId: details.tax_id ?? "",
    email: details.email ?? "",
  }));
  const saving = useSaveBillingDetails();
  const wrong = wrongFields(saving.error);
  const choices = useMemo(
    () => [
      { value: "", label: words.noCountry },
      ...countries().map(({ code, name }) => ({ value: code, label: name })),
    ],
    [],
  );

  function submit(event: FormEvent) {
    event.preventDefault();
    saving.mutate({
      name: typed.name.trim() || null,
      country: typed.country || null,
      address_lines: typed.address
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean)
        .slice(0, MOST_LINES),
      tax_id: typed.taxId.trim() || null,
      email: typed.email.trim() || null,
    });
  }
  function field(name: keyof typeof typed) {
    return {
      error: wrong.has(SENT_AS[name]) && words.wrong[name],
      value: typed[name],
      onChange: ({ currentTarget: { value } }: { currentTarget: { value: string } }) => {
        saving.reset();
        setTyped((before) => ({ ...before, [name]: value }));
      },
    };
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput label={words.name} autoComplete="billing name" maxLength={200} {...field("name")} />
          <NativeSelect
            label={words.country}
            description={words.countryHint}
            inputWrapperOrder={["label", "input", "description", "error"]}
            autoComplete="billing country"
            data={choices}
            {...field("country")}
          />
        </SimpleGrid>
        <Textarea
          label={words.address}
          description={words.addressHint}
          inputWrapperOrder={["label", "input", "description", "error"]}
          autoComplete="billing street-address"
          rows={3}
          {...field("address")}
        />
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput
            label={words.taxId}
            description={words.taxIdHint}
            inputWrapperOrder={["label", "input", "description", "error"]}
            maxLength={50}
            {...field("taxId")}
          />
          <TextInput
            label={words.email}
            description={words.emailHint}
            inputWrapperOrder={["label", "input", "description", "error"]}
            type="email"
            autoComplete="billing email"
            maxLength={254}
            {...field("email")}
          />
        </SimpleGrid>
        {saving.isError && wrong.size === 0 && <ProblemNote error={saving.error} />}
        <Group>
          <Button type="submit" variant="default" loading={saving.isPending}>
            {words.save}
          </Button>
          <Text role="status">{saving.isSuccess && words.saved}</Text>
        </Group>
      </Stack>
    </form>
  );
}
