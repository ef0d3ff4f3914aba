package observe

import "github.com/gatesock/gatesock/internal/observing"

// The dimensions of the metrics.
const (
	dimensionAPI       = "Api"
	dimensionStage     = "Stage"
	dimensionRoute     = "Route"
	dimensionCode      = "Code"
	dimensionCloseCode = "CloseCode"
	dimensionFunction  = "Function"
)

// counterNames are the names of the counters.
var counterNames = [counters]string{ //nolint:gochecknoglobals // a constant
	coldStarts:      "ColdStarts",
	postsDelivered:  "PostsDelivered",
	postsGone:       "PostsGone",
	postsThrottled:  "PostsThrottled",
	postsFailed:     "PostsFailed",
	fanOutUnreached: "FanOutUnreached",
	storeThrottled:  "StoreThrottled",
	storeErrors:     "StoreErrors",
	jobs:            "Jobs",
	jobErrors:       "JobErrors",

	eventsPublished:     string(observing.EventsPublished),
	recoveriesComplete:  string(observing.RecoveriesComplete),
	recoveriesNoHistory: string(observing.RecoveriesNoHistory),
	recoveriesNewEpoch:  string(observing.RecoveriesNewEpoch),
	recoveriesAhead:     string(observing.RecoveriesAhead),
	historyPages:        string(observing.HistoryPages),
	syncsBehind:         string(observing.SyncsBehind),
	syncsNotMember:      string(observing.SyncsNotMember),
}

// seriesNames are the names and units of the series.
var seriesNames = [serieses]struct { //nolint:gochecknoglobals // a constant
	name string
	unit Unit
}{
	fanOutDuration: {"FanOutDuration", Milliseconds},
	fanOutAudience: {"FanOutAudience", Count},
	storeLatency:   {"StoreLatency", Milliseconds},
}

// MetricInfo describes a metric that an [Observer] writes by itself.
type MetricInfo struct {
	// Name and Unit are those of CloudWatch.
	Name string
	Unit Unit
	// Dimensions are the names of the metric's dimensions. A metric that is counted by several sets of
	// dimensions is several metrics for CloudWatch, and in the list.
	Dimensions []string
	// Description says what a value is.
	Description string
}

// Metrics returns the metrics that an [Observer] writes by itself. Those of [Business] and
// [Measure] are beside them.
func Metrics() []MetricInfo {
	api := func(name string, unit Unit, description string) MetricInfo {
		return MetricInfo{name, unit, []string{dimensionAPI, dimensionStage}, description}
	}
	by := func(dimension, name string, unit Unit, description string) MetricInfo {
		return MetricInfo{name, unit, []string{dimensionAPI, dimensionStage, dimension}, description}
	}
	function := func(name string, unit Unit, description string) MetricInfo {
		return MetricInfo{name, unit, []string{dimensionFunction}, description}
	}
	return []MetricInfo{
		api("ConnectionsOpened", Count, "connections that $connect accepted"),
		api("ConnectionsRefused", Count, "connections that $connect refused"),
		api("ConnectionsClosed", Count, "connections that ended"),
		api("ConnectionDuration", Seconds, "how long a connection that ended was open"),
		api("Messages", Count, "messages of clients"),
		api("BytesIn", Bytes, "size of a client's message"),
		api("BytesOut", Bytes, "size of the frame that answers a message"),
		api("Errors", Count, "events that ended with an error"),
		api("RateLimited", Count, "events that ended with the code rate_limited"),
		by(dimensionRoute, "Duration", Milliseconds, "time that a handler took, with its middleware"),
		by(dimensionRoute, "Errors", Count, "events of the route that ended with an error"),
		by(dimensionCode, "Errors", Count, "events that ended with an error of the code"),
		by(dimensionCloseCode, "ConnectionsClosed", Count, "connections that ended with the close code"),
		function("ColdStarts", Count, "invocations that waited for the start of their process"),
		function("PostsDelivered", Count, "posts to connections that the gateway accepted"),
		function("PostsGone", Count, "posts to connections that were no longer open"),
		function("PostsThrottled", Count, "posts that the gateway refused because of their rate"),
		function("PostsFailed", Count, "posts that failed otherwise"),
		function("FanOutDuration", Milliseconds, "time that a broadcast took in one invocation"),
		function("FanOutAudience", Count, "connections that a broadcast was for"),
		function("FanOutUnreached", Count, "connections that a broadcast failed to reach or had no time for"),
		function("StoreLatency", Milliseconds, "time that a request to a store took"),
		function("StoreThrottled", Count, "requests that a store refused because of their rate"),
		function("StoreErrors", Count, "requests to a store that failed otherwise"),
		function("Jobs", Count, "attempts at jobs"),
		function("JobErrors", Count, "attempts that failed, other than with an answer for the client"),
		function("EventsPublished", Count, "events that were added to topics"),
		function("RecoveriesComplete", Count, "subscriptions that got all that they had missed"),
		function("RecoveriesNoHistory", Count, "those whose missed events are not kept any more"),
		function("RecoveriesNewEpoch", Count, "those that another epoch of the topic had begun for"),
		function("RecoveriesAhead", Count, "those at a position that the topic never had"),
		function("HistoryPages", Count, "answers to requests for older events"),
		function("SyncsBehind", Count, "topics in which a sync found its client behind"),
		function("SyncsNotMember", Count, "topics that a sync found its client not subscribed to"),
		function("LiveConnections", Count, "open connections that a pass of the sweeper found"),
	}
}
