package observe

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
)

// Variable is the environment variable of the namespace; see [Observer.Handler].
const Variable = "GATESOCK_METRICS"

const defaultNamespace = "gatesock"

// Observer writes the metrics of the handlers that its method Handler returns. It is safe for
// concurrent use. Make it with [New].
type Observer struct {
	namespace string
	function  string
	out       io.Writer
	now       func() time.Time
	tracer    Tracer
	logger    *slog.Logger

	writing sync.Mutex
	started atomic.Bool // there was an invocation
}

// New returns an Observer.
func New(opts ...Option) *Observer {
	o := &Observer{
		namespace: defaultNamespace,
		function:  cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), "local"),
		out:       os.Stdout,
		now:       time.Now,
	}
	for i, opt := range opts {
		if opt == nil {
			panic(fmt.Sprintf("observe: New: option %d is nil", i))
		}
		opt.apply(o)
	}
	return o
}

// Handler returns a handler that observes the invocations of h. If h has a [gatesock.App], the
// result is one too; its description says that the application has metrics, and that the variable
// GATESOCK_METRICS is their namespace. It panics if h is nil.
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

// Invoke passes the event on.
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	inv := h.observer.begin(ctx)
	defer h.observer.end(inv)
	return h.next.Invoke(inv, payload)
}

// Unwrap returns the handler inside.
func (h *handler) Unwrap() lambda.Handler { return h.next }

// observedApp is a handler that describes itself.
type observedApp struct {
	*handler
	app gatesock.App
}

var _ gatesock.App = (*observedApp)(nil)

// Describe returns the description of the App with the need of metrics.
func (a *observedApp) Describe() gatesock.Description {
	d := a.app.Describe()
	d.Needs = append(d.Needs, gatesock.Need{
		Kind: gatesock.NeedMetrics, Variable: Variable, Default: a.observer.namespace,
	})
	return d
}

// Freeze freezes the App.
func (a *observedApp) Freeze() { a.app.Freeze() }

// namespaceFault says what CloudWatch would refuse in a namespace.
func namespaceFault(namespace string) string {
	if namespace == "" {
		return "must not be empty"
	}
	return ""
}
