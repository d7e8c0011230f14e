export const usage = {
  share: {
    included: {
      of: (used: string, included: string) => `${used} of ${included} included`,
      left: (left: string) => `${left} left`,
      beyond: (beyond: string) => `${beyond} beyond what is included: it is charged`,
    },
    free: {
      of: (used: string, free: string) => `${used} kept, ${free} free`,
      left: (left: string) => `${left} of the free storage left`,
      beyond: (beyond: string) => `${beyond} beyond the free storage: it is charged`,
    },
  },
};
