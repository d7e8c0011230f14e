import { createTheme, type MantineThemeOverride } from "@mantine/core";

// Shade 8 of blue is the lightest that white text may stand on (5.0 : 1, WCAG 2.2 AA asks for 4.5).
export const theme: MantineThemeOverride = createTheme({
  primaryColor: "blue",
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  headings: { fontWeight: "650" },
});
