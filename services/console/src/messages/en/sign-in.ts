export const signIn = {
  title: "Sign in",
  because: {
    asked: "You are signed out.",
    ended: "Your session has ended. Sign in again to go on where you were.",
  },
  larepass: {
    title: "With LarePass",
    steps: ["Open LarePass on your phone.", "Scan this code.", "Confirm there. This page goes on by itself."],
    code: "Code to be scanned with LarePass",
    renewed: "The code is renewed by itself.",
    paused: "The code is not renewed any more, because nobody scanned it for a while.",
    elsewhere: "Another tab of this browser shows the code now.",
    show: "Show a new code",
    failed: "There is no code now",
    retried: "It is asked for again by itself.",
  },
  command: {
    title: "With the command",
    text: "On a machine that backs up here, this prints a link that signs in one browser, once:",
    what: "the command",
  },
  link: {
    title: "Sign in by the link?",
    text: "Go on only if you made this link yourself, with the command space login --web. A link of somebody else leads to their account, and what you add there is theirs.",
    confirm: "Sign in",
    decline: "Sign in another way",
    signedIn: (name: string) => `You are signed in as ${name}.`,
    stay: "Go on as before",
    replace: "Sign out and use the link",
    failed: "This link signs nobody in",
  },
};
