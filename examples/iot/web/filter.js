// The filter of the devices, which the server applies: the page gets only what matches.

// Returns the filter of a subscription for what is chosen in the form, or undefined if everything
// matches.
export function filterOf({ region, type, status, online, than, limit, every, changes }) {
  const where = {};
  if (region) where.region = region;
  if (type) where.type = type;
  if (status) where.status = status.includes(",") ? status.split(",") : status;
  if (online) where.online = online === "true";
  if (than && limit !== "" && Number.isFinite(Number(limit))) where.value = { [than]: Number(limit) };
  const filter = {};
  if (Object.keys(where).length) filter.where = where;
  if (changes) filter.changes = changes.split(",");
  if (every) filter.everyMs = Number(every);
  return Object.keys(filter).length ? filter : undefined;
}
