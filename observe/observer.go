package observe

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Variable is the environment variable that has the namespace of the metrics. Templates set it for
// an application whose handler is one of [Observer.Handler].
const Variable = "GATESOCK_METRICS"

const (
	defaultNamespace = "gatesock"
	defaultMetrics   = 50
	mostMetrics      = 80 // the metrics of a directive are at most 100, and some are the package's own
)

// Observer writes the metrics of the handlers that [Observer.Handler] returns. A program has one.
// It is safe for concurrent use. Make it with [New].
type Observer struct {
	namespace  string // without the environment variable
	metrics    int    // how many names the application may have
	out        io.Writer
	now        func() time.Time
	tracer     Tracer
	logger     *slog.Logger
	directive  []byte // the beginning of each directive, up to the dimensions
	function   []byte // the member of the function's dimension
	level      string // what lines have to pass Lambda's filter; empty if they pass it anyhow
	coldStarts bool   // the first invocation waits for the start of the process
	records    sync.Pool
	apis       apis
	names      names

	started     atomic.Bool // there was an invocation
	writing     sync.Mutex
	writeFailed atomic.Bool
	traceFailed atomic.Bool
}

// New returns an Observer. It reads GATESOCK_METRICS, and what Lambda sets: the function's name,
// how it starts, and its log level.
func New(opts ...Option) *Observer {
	o := &Observer{
		namespace:  defaultNamespace,
		metrics:    defaultMetrics,
		out:        os.Stdout,
		now:        time.Now,
		coldStarts: startsCold(os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE")),
		level:      filterOf(os.Getenv("AWS_LAMBDA_LOG_LEVEL")),
	}
	for i, opt := range opts {
		if opt == nil {
			panic(fmt.Sprintf("observe: New: option %d is nil", i))
		}
		opt.apply(o)
	}
	o.records.New = func() any { return new(record) }
	o.function = appendDimension(nil, dimensionFunction, cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), "local"))
	o.directive = jsonscan.AppendString([]byte(`{"Namespace":`), o.namespaceInUse())
	o.directive = append(o.directive, `,"Dimensions":`...)
	return o
}

// startsCold reports whether the first invocation of a process waits for its start. It does not if
// Lambda starts processes ahead of invocations (AWS Lambda Developer Guide, "Defined runtime
// environment variables": AWS_LAMBDA_INITIALIZATION_TYPE; "Lambda Managed Instances").
func startsCold(initializationType string) bool {
	return initializationType != "provisioned-concurrency" && initializationType != "lambda-managed-instances"
}

// filterOf returns the level that a line needs to pass Lambda's filter, which takes lines without a
// level and a timestamp for INFO (AWS Lambda Developer Guide, "Log-level filtering"). Lambda sets
// AWS_LAMBDA_LOG_LEVEL to the level of the filter, if there is one. FATAL passes each filter, and
// who looks for errors does not find the line.
func filterOf(level string) string {
	switch strings.ToUpper(level) {
	case "WARN", "ERROR", "FATAL":
		return levelName(levelFatal)
	}
	return ""
}

// namespaceInUse returns the namespace of the environment variable, or else that of the program.
func (o *Observer) namespaceInUse() string {
	namespace := os.Getenv(Variable)
	if namespace == "" {
		return o.namespace
	}
	if why := namespaceFault(namespace); why != "" {
		o.activeLogger().Warn("observe: the namespace in "+Variable+" is not used, because CloudWatch would refuse it",
			slog.String("why", why), slog.String("used", o.namespace))
		return o.namespace
	}
	return namespace
}

// Handler returns a handler that observes the invocations of h, which is usually a
// [gatesock.Router] or the mux of package eventmux. It is safe for concurrent use if h is.
//
// If h has a [gatesock.App], the result is one too, and its description has a need of the kind
// metrics: templates that are made from it set GATESOCK_METRICS, and have alarms for these metrics.
//
// Each invocation writes its line when h returns or panics. A panic goes on afterwards. Nothing is
// written for an invocation that Lambda ends because its time is over, since the process ends with
// it; CloudWatch has these among the errors of the function. A failure to write, or of a Tracer, is
// logged once, and changes no result, even if it is a panic.
//
// It panics if h is nil.
func (o *Observer) Handler(h lambda.Handler) lambda.Handler {
	if h == nil {
		panic("observe: Handler: h must not be nil")
	}
	observed := &handler{observer: o, next: h}
	if app, ok := gatesock.AppOf(h); ok {
		return &observedApp{handler: observed, app: app}
	}
	return observed
}

// handler is a handler whose invocations are observed.
type handler struct {
	observer *Observer
	next     lambda.Handler
}

// Invoke passes an event on, and writes the line of the invocation.
func (h *handler) Invoke(ctx context.Context, payload []byte) (out []byte, err error) {
	if outer := invocationOf(ctx); outer != nil && outer.observer == h.observer && outer.isOpen() {
		return h.next.Invoke(ctx, payload) // it is a part of an invocation that is observed
	}
	inv := h.observer.begin(ctx)
	panicked := true
	defer func() {
		if panicked {
			err = errPanicked
		}
		inv.end(payload, out, err)
	}()
	out, err = h.next.Invoke(inv.inside, payload) //nolint:contextcheck // it has ctx inside
	panicked = false
	return out, err
}

// Unwrap returns the handler inside.
func (h *handler) Unwrap() lambda.Handler { return h.next }

// observedApp is a handler that describes itself.
type observedApp struct {
	*handler
	app gatesock.App
}

var _ gatesock.App = (*observedApp)(nil)

// Describe returns the description of the App, with the need of metrics.
func (a *observedApp) Describe() gatesock.Description {
	d := a.app.Describe()
	at, found := slices.BinarySearchFunc(d.Needs, Variable, func(n gatesock.Need, variable string) int {
		return strings.Compare(n.Variable, variable)
	})
	if !found {
		d.Needs = slices.Insert(d.Needs, at, gatesock.Need{
			Kind: gatesock.NeedMetrics, Variable: Variable, Default: a.observer.namespace,
			Description: "The namespace of the metrics",
		})
	}
	return d
}

// Freeze freezes the App.
func (a *observedApp) Freeze() { a.app.Freeze() }

// activeLogger returns the logger of [WithLogger], or the default one of this moment.
func (o *Observer) activeLogger() *slog.Logger { return cmp.Or(o.logger, slog.Default()) }

// write writes whole lines.
func (o *Observer) write(lines []byte) {
	if err := o.writeAll(lines); err != nil && o.writeFailed.CompareAndSwap(false, true) {
		o.activeLogger().Error("observe: metrics cannot be written; further failures are not logged", slog.Any("error", err))
	}
}

func (o *Observer) writeAll(lines []byte) (err error) {
	o.writing.Lock()
	defer o.writing.Unlock()
	defer recoverTo(&err)
	n, err := o.out.Write(lines)
	if err == nil && n < len(lines) {
		return io.ErrShortWrite
	}
	return err //nolint:wrapcheck // the log says what it is of
}

// recoverTo turns a panic of the application's output or tracer into an error, so that it changes
// no result. It is deferred.
func recoverTo(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panic: %v", v)
	}
}
