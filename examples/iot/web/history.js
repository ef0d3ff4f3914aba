// The readings of a device: the newest ones, those that come, and earlier ones on demand.

const FIRST = 300; // readings to begin with
const LIVE = 1_200; // readings that are kept as others come
const MOST = 6_000; // readings that are kept after earlier ones were asked for
const PAGE = 300;

export class History {
  readings = []; // {at, seq, values, position}, by time
  isWhole = false; // whether there are no earlier ones
  #client;
  #topic;
  #changed;
  #failed;
  #subscription = null;
  #most = LIVE;
  #isAsking = false;

  // changed is called when there are other readings, failed with an error that ends it.
  constructor(client, topic, { changed, failed }) {
    this.#client = client;
    this.#topic = topic;
    this.#changed = changed;
    this.#failed = failed;
    this.#open();
  }

  // Whether there may be earlier ones, and room for them.
  get hasMore() {
    return !this.isWhole && this.readings.length >= FIRST && this.readings.length < MOST;
  }

  close() {
    this.#subscription.close();
    this.readings = [];
  }

  async earlier() {
    if (this.#isAsking || this.readings.length === 0) return;
    this.#isAsking = true;
    this.#most = MOST;
    try {
      const page = await this.#subscription.history({ before: this.#start(), limit: PAGE });
      for (const event of page.events) this.#add(event);
      this.isWhole = !page.more;
    } finally {
      this.#isAsking = false;
    }
    this.#changed();
  }

  #open() {
    let isFirst = true;
    this.#subscription = this.#client.subscribe(this.#topic, { last: FIRST, buffer: 4_096 });
    this.#subscription.on("event", (event) => {
      this.#add(event);
      this.#changed();
    });
    this.#subscription.on("established", ({ recovered }) => {
      if (!isFirst && !recovered) this.#again();
      isFirst = false;
    });
    this.#subscription.on("error", this.#failed);
  }

  // Readings were lost while there was no connection: it begins anew with the newest ones.
  #again() {
    this.#subscription.close();
    this.readings = [];
    this.#most = LIVE;
    this.isWhole = false;
    this.#open();
    this.#changed();
  }

  // The position of the earliest reading in the topic, where one that was late has its place later.
  #start() {
    const { epoch } = this.readings[0].position;
    const positions = this.readings.map(({ position }) => position).filter((position) => position.epoch === epoch);
    return positions.reduce((a, b) => (b.offset < a.offset ? b : a));
  }

  // Inserts a reading by its time: one that was late is not the last.
  #add({ event, data, position }) {
    const at = Date.parse(data?.at);
    if (event !== "reading" || Number.isNaN(at)) return;
    const { readings } = this;
    let i = readings.length;
    while (i > 0 && readings[i - 1].at > at) i--;
    for (let j = i - 1; readings[j]?.at === at; j--) if (readings[j].seq === data.seq) return;
    readings.splice(i, 0, { at, seq: data.seq, values: data.values ?? {}, position });
    if (readings.length > this.#most) readings.splice(0, readings.length - this.#most);
  }
}
