/** Stripe.js: loaded from Stripe itself, which asks for that, and only where a card is given there. */

const SOURCE = "https://js.stripe.com/clover/stripe.js";

interface StripeError {
  message?: string;
}

export interface PaymentElement {
  mount: (target: HTMLElement) => void;
  destroy: () => void;
  on: (event: "ready" | "loaderror", handler: () => void) => void;
}

export interface Elements {
  create: (type: "payment", options: Record<string, unknown>) => PaymentElement;
  submit: () => Promise<{ error?: StripeError }>;
}

export interface Stripe {
  elements: (options: Record<string, unknown>) => Elements;
  createPaymentMethod: (options: {
    elements: Elements;
  }) => Promise<{ error?: StripeError; paymentMethod?: { id: string } }>;
}

let loading: Promise<(key: string) => Stripe> | null = null;

/** Stripe for a publishable key; a failure to load is forgotten, so that it can be tried again. */
export async function loadStripe(publishableKey: string): Promise<Stripe> {
  loading ??= load().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return (await loading)(publishableKey);
}

function load(): Promise<(key: string) => Stripe> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = SOURCE;
    script.async = true;
    script.onerror = () => {
      script.remove();
      reject(new Error("Stripe.js did not load"));
    };
    script.onload = () => {
      const made = (globalThis as { Stripe?: (key: string) => Stripe }).Stripe;
      if (made) resolve(made);
      else reject(new Error("Stripe.js did not begin"));
    };
    document.head.append(script);
  });
}
