import { Button, type ButtonProps } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { problemText } from "../../components/problem-note";
import { t } from "../../messages";
import { pdfOf } from "../../queries/invoices";

interface PdfButtonProps extends ButtonProps {
  kind: "invoices" | "credit-notes";
  /** Its number, or its id while it has none; the file is called so. */
  name: string;
  children: string;
}

/** Saves a document as a PDF. It is fetched with the session's token, which a link could not carry. */
export function PdfButton({ kind, name, children, ...others }: PdfButtonProps) {
  const saving = useMutation({ mutationFn: async () => save(await pdfOf(kind, name), `${name}.pdf`) });
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconDownload size={16} aria-hidden />}
        loading={saving.isPending}
        onClick={() => saving.mutate()}
        aria-label={t.invoices.pdfOf(children, name)}
        {...others}
      >
        {children}
      </Button>
      {saving.isError && <span role="alert">{problemText(saving.error)}</span>}
    </>
  );
}

function save(content: Blob, fileName: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  // The browser reads it after this returns.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
