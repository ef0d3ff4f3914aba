// What TypeScript makes of a module with a default and a name.
exports.__esModule = true;
exports.default = { member: "of the default" };
exports.named = "named";
