// Stores for Svelte. They do not import it: anything that takes an object with `subscribe` takes
// them.
export { presenceStore, stateStore, topicStore } from "./store.js";
export type {
  HasState, PresenceView, Presents, Store, TopicName, TopicOptions, TopicView,
} from "./store.js";
