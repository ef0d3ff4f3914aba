module.exports = {
  object: { key: "a value" },
  asked: async ({ options, resolveVariable, resolveConfigurationProperty }) =>
    [options.stage, await resolveVariable("self:service"), (await resolveConfigurationProperty(["functions", "main", "handler"]))].join(" "),
  // The reply comes before that of the file it asks for.
  early: ({ resolveVariable }) => {
    void resolveVariable("file(lib/whole.cjs)");
    return "early";
  },
  parallel: async ({ resolveVariable }) =>
    (await Promise.all([resolveVariable("file(lib/values.js):asked"), resolveVariable("aws:region")])).join(", "),
};
