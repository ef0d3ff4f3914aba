package gatesock

import (
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"
)

// App is a [lambda.Handler] that describes itself, as [Router] does and the mux of package eventmux. What
// runs a handler needs that: the emulator and package wstest take the routes and the authorizer from it,
// and [Start] has the registration checked before the first event.
//
// A handler around another one, as one that traces each event, should not hide it. [Wrap] makes such a
// handler; a type of one's own has a method
//
//	func (h *tracer) Unwrap() lambda.Handler { return h.next }
//
// by which [AppOf] finds the App.
type App interface {
	lambda.Handler

	// Describe returns what the API in front of the App needs to have. It does not freeze the App.
	Describe() Description
	// Freeze ends the registration, and panics if something that was registered can't work.
	Freeze()
}

// Description is what an [App] says about itself. Later versions may add members.
type Description struct {
	// Routes are the routes of the API; nil if they are not known.
	Routes []Route
	// Authorizer reports whether the App takes the events of a REQUEST authorizer, so that the API must
	// have the function as its authorizer on $connect.
	Authorizer bool
	// Envelope names the members of the App's frames. The API's route selection expression names the
	// same member as its Action. The zero Envelope has the names of the protocol.
	Envelope Envelope
}

// Describe returns the router's [Router.Routes], and the names of [WithEnvelope].
func (r *Router) Describe() Description {
	return Description{Routes: r.Routes(), Envelope: r.wire.names}
}

var _ App = (*Router)(nil)

// maxWraps is how many handlers may be around an App. It ends the search in one that unwraps to itself.
const maxWraps = 100

// AppOf returns h if that is an [App], or else the first App that it finds in h by methods
// Unwrap() lambda.Handler. It reports whether there is one.
func AppOf(h lambda.Handler) (App, bool) {
	for range maxWraps {
		if app, ok := h.(App); ok {
			return app, true
		}
		wrapper, ok := h.(interface{ Unwrap() lambda.Handler })
		if !ok {
			return nil, false
		}
		h = wrapper.Unwrap()
	}
	return nil, false
}

// Wrap puts middleware for whole events around a handler, the first one outermost, and keeps what the
// handler says about itself, unless a middleware does; see [App]. It panics if h, a middleware, or what
// one returns is nil.
//
//	gatesock.Start(gatesock.Wrap(router, func(next lambda.Handler) lambda.Handler {
//		return otellambda.WrapHandler(next)
//	}))
func Wrap(h lambda.Handler, middleware ...func(next lambda.Handler) lambda.Handler) lambda.Handler {
	if h == nil {
		panic("gatesock: Wrap at " + callerSite() + " got no handler")
	}
	outer := h
	for i := len(middleware) - 1; i >= 0; i-- {
		if middleware[i] == nil {
			panic("gatesock: Wrap at " + callerSite() + " got a nil middleware")
		}
		if outer = middleware[i](outer); outer == nil {
			panic("gatesock: a middleware given to Wrap at " + callerSite() + " returned nil")
		}
	}
	if _, ok := AppOf(outer); ok {
		return outer // it describes itself
	}
	return wrapped{outer, h}
}

// wrapped is a handler and what it is wrapped around.
type wrapped struct {
	lambda.Handler
	inner lambda.Handler
}

func (w wrapped) Unwrap() lambda.Handler { return w.inner }

// freeze freezes the App that AppOf finds, and warns if it finds none.
func freeze(h lambda.Handler, log *slog.Logger) {
	app, ok := AppOf(h)
	if !ok {
		log.Warn("gatesock: the handler given to Start tells nothing about itself, so that its registration is not checked "+
			"before the first event; if it is wrapped around a Router or a mux, use gatesock.Wrap or add a method Unwrap",
			slog.String("handler", fmt.Sprintf("%T", h)))
		return
	}
	app.Freeze()
}
