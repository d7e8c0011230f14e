/**
 * Every word that a person reads, apart from what the services say. A language is one object of the shape of `en`;
 * where a value belongs into a sentence the message is a function of it.
 */
import { en } from "./en";

export type Messages = typeof en;

export const t: Messages = en;
