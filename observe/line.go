package observe

import (
	"log/slog"
	"math"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
)

// The sets of dimensions, in JSON.
const (
	byAPI          = `[["Api","Stage"]]`
	byAPICloseCode = `[["Api","Stage"],["Api","Stage","CloseCode"]]`
	byRoute        = `[["Api","Stage","Route"]]`
	byAll          = `[["Api","Stage"],["Api","Stage","Route"],["Api","Stage","Code"]]`
	byFunction     = `[["Function"]]`
)

// line is a line in the embedded metric format (CloudWatch User Guide, "Specification: Embedded
// metric format"). Metrics have a definition in b, and a value in tail, which becomes the end of
// the line.
type line struct {
	*Observer
	*record

	dimensions          string // of the metrics that follow
	directives, metrics int    // in the line; in the directive
}

// begin begins a line.
func (l *line) begin() {
	l.tail = l.tail[:0]
	now := l.now()
	l.b = append(l.b, `{"_aws":{"Timestamp":`...)
	l.b = strconv.AppendInt(l.b, now.UnixMilli(), 10)
	l.b = append(l.b, `,"CloudWatchMetrics":[`...)
	if l.level != "" {
		l.property(slog.LevelKey, l.level)
		l.property(timestampKey, now.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
}

// end ends the line.
func (l *line) end() {
	l.close()
	l.b = append(l.b, `]}`...)
	l.b = append(l.b, l.tail...)
	l.b = append(l.b, "}\n"...)
}

// by sets the dimensions of the metrics that follow.
func (l *line) by(dimensions string) {
	l.close()
	l.dimensions = dimensions
}

// open begins a directive, which has metrics with the same dimensions.
func (l *line) open() {
	if l.directives > 0 {
		l.b = append(l.b, ',')
	}
	l.directives++
	l.b = append(l.b, l.directive...)
	l.b = append(l.b, l.dimensions...)
	l.b = append(l.b, `,"Metrics":[`...)
}

// close ends a directive.
func (l *line) close() {
	if l.metrics > 0 {
		l.b = append(l.b, `]}`...)
	}
	l.metrics = 0
}

// define adds the definition of a metric, and the name of its value.
func (l *line) define(name string, unit Unit) {
	if l.metrics > 0 {
		l.b = append(l.b, ',')
	} else {
		l.open()
	}
	l.metrics++
	l.b = append(l.b, `{"Name":"`...)
	l.b = append(l.b, name...)
	l.b = append(l.b, `","Unit":"`...)
	l.b = append(l.b, unit...)
	l.b = append(l.b, `"}`...)
	l.key(name)
}

// key adds the name of a member, which needs no escaping.
func (l *line) key(name string) {
	l.tail = append(l.tail, `,"`...)
	l.tail = append(l.tail, name...)
	l.tail = append(l.tail, `":`...)
}

// count adds a metric with a whole number.
func (l *line) count(name string, unit Unit, n int64) {
	l.define(name, unit)
	l.tail = strconv.AppendInt(l.tail, n, 10)
}

// value adds a metric with one value or several.
func (l *line) value(name string, unit Unit, values ...float64) {
	l.define(name, unit)
	if len(values) == 1 {
		l.tail = appendNumber(l.tail, values[0])
		return
	}
	for i, v := range values {
		if i == 0 {
			l.tail = append(l.tail, '[')
		} else {
			l.tail = append(l.tail, ',')
		}
		l.tail = appendNumber(l.tail, v)
	}
	l.tail = append(l.tail, ']')
}

// property adds a text that is not a dimension. It adds nothing for an empty one.
func (l *line) property(name, text string) {
	if text != "" {
		l.key(name)
		l.tail = jsonscan.AppendString(l.tail, text)
	}
}

// ids adds the ids of what the line is about.
func (l *line) ids(requestID, connectionID string) {
	l.property("requestId", cut(requestID, mostText))
	l.property("connectionId", cut(connectionID, mostText))
}

// mostText is how long a text from outside is in a line at most.
const mostText = 128

// appendLines makes the lines of an invocation that has ended: one for each request of a Router,
// and one if there is none. The last one has what was counted for the function.
func (i *invocation) appendLines(rec *record, err error) {
	l := line{Observer: i.observer, record: rec}
	for n := 0; n == 0 || n < len(rec.requests); n++ {
		l.directives = 0
		l.begin()
		requestID, connectionID := i.lambdaRequestID, ""
		if len(rec.requests) > 0 {
			r := rec.requests[n]
			l.ofRequest(r)
			requestID, connectionID = r.requestID, r.connectionID
		}
		l.ids(requestID, connectionID)
		l.property("source", i.source)
		l.property("sourceName", cut(i.name, mostText))
		switch {
		case err == errPanicked: //nolint:errorlint // it is the package's own, and nobody wraps it
			l.property("outcome", "panic")
		case err != nil:
			l.property("outcome", "error")
		}
		header, _ := i.Context.Value(traceHeaderKey).(string)
		l.property("traceId", sampledTrace(header))
		if n >= len(rec.requests)-1 {
			l.ofFunction() // last, since it has lists: CloudWatch Logs knows the first 200 fields of a line
		}
		l.end()
	}
}

// sampledTrace returns the id of the trace in an X-Amzn-Trace-Id, if X-Ray keeps it (AWS X-Ray
// Developer Guide, "Tracing header").
func sampledTrace(header string) string {
	if !strings.Contains(header, "Sampled=1") {
		return ""
	}
	for part := range strings.SplitSeq(header, ";") {
		if id, ok := strings.CutPrefix(strings.TrimSpace(part), "Root="); ok {
			return cut(id, mostText)
		}
	}
	return ""
}

// ofRequest adds the metrics of a request.
func (l *line) ofRequest(r *routed) {
	l.tail = append(l.tail, l.apis.dimensions(r.apiID, r.stage, l.Observer)...)
	l.tail = appendDimension(append(l.tail, ','), dimensionRoute, r.route)
	l.by(byAPI)
	switch r.event {
	case gatesock.EventConnect:
		name := "ConnectionsOpened"
		if r.err != nil {
			name = "ConnectionsRefused"
		}
		l.count(name, Count, 1)
	case gatesock.EventMessage:
		l.count("Messages", Count, 1)
		l.count("BytesIn", Bytes, int64(r.bytesIn))
		if r.frame > 0 {
			l.count("BytesOut", Bytes, int64(r.frame))
		}
	case gatesock.EventDisconnect:
		if r.openFor >= 0 {
			l.value("ConnectionDuration", Seconds, float64(r.openFor.Milliseconds())/1000)
		}
	}
	code := gatesock.CodeOf(r.err)
	if code == gatesock.CodeRateLimited {
		l.count("RateLimited", Count, 1)
	}
	l.ofClose(r)
	l.by(byRoute)
	l.value("Duration", Milliseconds, milliseconds(r.duration))
	if r.err != nil {
		l.ofError(code)
	}
}

// ofClose adds the end of a connection.
func (l *line) ofClose(r *routed) {
	if r.event != gatesock.EventDisconnect {
		return
	}
	l.by(byAPICloseCode)
	l.count("ConnectionsClosed", Count, 1)
	l.key(dimensionCloseCode)
	l.tail = append(l.tail, '"')
	if isCloseCode(r.closeCode) {
		l.tail = strconv.AppendInt(l.tail, int64(r.closeCode), 10)
	} else {
		l.tail = append(l.tail, other...)
	}
	l.tail = append(l.tail, '"')
}

// ofError adds an error.
func (l *line) ofError(code gatesock.Code) {
	l.by(byAll)
	l.count("Errors", Count, 1)
	known := isCode(code)
	dimension := other
	if known {
		dimension = string(code)
	}
	l.key(dimensionCode)
	l.tail = append(l.tail, '"')
	l.tail = append(l.tail, dimension...)
	l.tail = append(l.tail, '"')
	if !known {
		l.property("code", cut(string(code), mostText))
	}
}

// ofFunction adds what was counted for the function.
func (l *line) ofFunction() {
	if !l.hasCounts() {
		l.ofRefused()
		return
	}
	l.tail = append(append(l.tail, ','), l.function...)
	l.by(byFunction)
	for c, n := range l.counts {
		if n != 0 {
			l.count(counterNames[c], Count, n)
		}
	}
	if l.hasLive {
		l.value("LiveConnections", Count, l.live)
	}
	for s, values := range l.series {
		if len(values) > 0 {
			l.value(seriesNames[s].name, seriesNames[s].unit, values...)
		}
	}
	for i := range l.own {
		l.value(l.own[i].name, l.own[i].unit, l.own[i].values...)
	}
	l.ofRefused()
}

// hasCounts reports whether the function has a metric in the line.
func (l *line) hasCounts() bool {
	return l.counts != [counters]int64{} || l.hasLive || l.values > len(l.refused)
}

// ofRefused adds the values of the application that are no metrics.
func (l *line) ofRefused() {
	for i, r := range l.refused {
		if i == 0 {
			l.tail = append(l.tail, `,"refused":[{"name":`...)
		} else {
			l.tail = append(l.tail, `,{"name":`...)
		}
		l.tail = jsonscan.AppendString(l.tail, r.name)
		l.tail = append(l.tail, `,"value":`...)
		l.tail = appendNumber(l.tail, r.value)
		l.tail = append(l.tail, '}')
	}
	if len(l.refused) > 0 {
		l.tail = append(l.tail, ']')
	}
}

// appendNumber appends a number, or its name if JSON has no such number.
func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"+Inf"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Inf"`...)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.AppendInt(b, int64(v), 10)
	case math.Abs(v) < 1e21 && math.Abs(v) >= 1e-6:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, v, 'e', -1, 64)
}
