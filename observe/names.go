package observe

// The units of CloudWatch that this package uses (Amazon CloudWatch API Reference, "MetricDatum").
const (
	unitCount        = "Count"
	unitBytes        = "Bytes"
	unitSeconds      = "Seconds"
	unitMilliseconds = "Milliseconds"
)

// The dimensions of the metrics.
const (
	dimensionAPI       = "Api"
	dimensionStage     = "Stage"
	dimensionRoute     = "Route"
	dimensionCode      = "Code"
	dimensionCloseCode = "CloseCode"
	dimensionFunction  = "Function"
)

// MetricInfo describes a metric that an [Observer] writes by itself.
type MetricInfo struct {
	// Name and Unit are those of CloudWatch.
	Name string
	Unit string
	// Dimensions are the names of the metric's dimensions. A metric that is counted by several sets of
	// dimensions is several metrics for CloudWatch, and in the list.
	Dimensions []string
	// Description says what a value is.
	Description string
}

// Metrics returns the metrics that an [Observer] writes by itself. Those of [Business] and
// [Measure] are beside them.
func Metrics() []MetricInfo {
	api := func(name, unit, description string) MetricInfo {
		return MetricInfo{name, unit, []string{dimensionAPI, dimensionStage}, description}
	}
	by := func(dimension, name, unit, description string) MetricInfo {
		return MetricInfo{name, unit, []string{dimensionAPI, dimensionStage, dimension}, description}
	}
	function := func(name, unit, description string) MetricInfo {
		return MetricInfo{name, unit, []string{dimensionFunction}, description}
	}
	return []MetricInfo{
		api("ConnectionsOpened", unitCount, "connections that $connect accepted"),
		api("ConnectionsRefused", unitCount, "connections that $connect refused"),
		api("ConnectionsClosed", unitCount, "connections that ended"),
		api("ConnectionDuration", unitSeconds, "how long a connection that ended was open"),
		api("Messages", unitCount, "messages of clients"),
		api("BytesIn", unitBytes, "size of a client's message"),
		api("BytesOut", unitBytes, "size of the frame that answers a message"),
		api("Errors", unitCount, "events that ended with an error"),
		api("RateLimited", unitCount, "events that ended with the code rate_limited"),
		by(dimensionRoute, "Duration", unitMilliseconds, "time that a handler took, with its middleware"),
		by(dimensionRoute, "Errors", unitCount, "events of the route that ended with an error"),
		by(dimensionCode, "Errors", unitCount, "events that ended with an error of the code"),
		by(dimensionCloseCode, "ConnectionsClosed", unitCount, "connections that ended with the close code"),
		function("ColdStarts", unitCount, "first events of a new process"),
		function("PostsDelivered", unitCount, "posts to connections that the gateway accepted"),
		function("PostsGone", unitCount, "posts to connections that were no longer open"),
		function("PostsThrottled", unitCount, "posts that the gateway refused because of their rate"),
		function("PostsFailed", unitCount, "posts that failed otherwise"),
		function("FanOutDuration", unitMilliseconds, "time that a broadcast took in one invocation"),
		function("FanOutAudience", unitCount, "connections that a broadcast was for"),
		function("FanOutUnreached", unitCount, "connections that a broadcast failed to reach, or had no time for"),
		function("StoreLatency", unitMilliseconds, "time that a request to a store took"),
		function("StoreThrottled", unitCount, "requests that a store refused because of their rate"),
		function("StoreErrors", unitCount, "requests to a store that failed otherwise"),
		function("Jobs", unitCount, "jobs that ran"),
		function("JobErrors", unitCount, "jobs that ended with an error"),
		function("LiveConnections", unitCount, "open connections that a pass of the sweeper found"),
	}
}
