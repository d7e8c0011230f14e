export const card = {
  /** A card as its owner recognises it. */
  name: (brand: string, last4: string) => `${BRANDS[brand] ?? brand} ending in ${last4}`,
  number: "Card number",
  numberWrong: "A card's number has 12 to 19 digits.",
  expiry: "Expiry",
  expiryHint: "MM/YY",
  expiryWrong: "Write it as on the card, such as 12/30.",
  code: "Security code",
  codeHint: "Three digits on the back; four on the front of an American Express.",
  codeWrong: "It has three or four digits.",
  add: "Add the card",
  sandbox: {
    title: "No real money moves here",
    text: "This Space pays by a sandbox. It takes test cards only, and refuses every real one: do not type yours.",
    cards: "Test cards",
    use: "Fill in",
    fillIn: (what: string) => `Fill in the card that ${what}`,
    pays: "pays",
    declines: "declines every payment",
    authentication: "wants each payment confirmed in person",
  },
  stripe: {
    frame: "Card form of Stripe",
    loading: "The form of the payment provider is loading",
    failed: "The payment provider's form did not load. Look whether something in your browser blocks js.stripe.com.",
    incomplete: "Something is missing in the form.",
  },
  elsewhere: {
    title: "Cards are added elsewhere",
    text: "The operator of this Space has not set up a form for cards. This command adds a payment method that was made at Stripe:",
    command: "space payment-method add --token pm_…",
    commandName: "the command that adds a payment method",
  },
};

const BRANDS: Readonly<Record<string, string>> = {
  visa: "Visa",
  mastercard: "Mastercard",
  amex: "American Express",
  discover: "Discover",
  diners: "Diners Club",
  jcb: "JCB",
  unionpay: "UnionPay",
};
