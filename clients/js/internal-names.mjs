// The members of objects that never leave the package. The build has short names for them, which
// takes about 300 bytes off the bundle of a page. A name in this list must not be a member of a
// frame, of what an app or another tab sees, or of anything that JavaScript or a browser has, and
// must not be in a string: test/build.test.mjs checks the most of that.
export const internalNames = `
  activeAt again bad expiresAt faults isDead isGood isIdempotent isProbed isUncertain openedAt
  pump results sends settle waitOn

  attach begin between delay detach emit ended gapFrom gapIsHere gaps generation handles hasGap
  isComplete isGone isHere isOpen isReady isSent isState membership moveTo note refs refusals
  spread step subscription tell timers tries users where wish wishes
`.trim().split(/\s+/);

// No other member has a name of one letter but those of the messages of tabs: c, n, r and t.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghijklmopqsuvwxyz";

/** Options of esbuild. The short names are the same in all modules. */
export const mangling = {
  mangleProps: new RegExp(`^(${internalNames.join("|")})$`),
  mangleCache: Object.fromEntries(internalNames.map((name, i) => [name, letters[i] ?? `$${i}`])),
};
