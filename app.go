package gatesock

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/internal/describing"
)

// Start runs an [App] in Lambda and never returns. The App is a [Router], or a mux of package
// eventmux if the function has other events too.
//
// Start freezes the App, so that a wrong registration shows before the first event. For a handler
// that is not an App it logs a warning instead; see [Wrap]. Outside Lambda it prints how to run the
// program and exits with status 2.
//
// If the environment variable GATESOCK_DESCRIBE is 1, or anything but empty, 0 and false, Start
// prints the [Description] of the App as one line of JSON, the last on standard output, in Lambda
// or not, and exits with status 0; or with status 1 and a text on standard error if it cannot.
// Package describe reads the line.
func Start(h lambda.Handler) {
	if describing.On() {
		if err := printDescription(os.Stdout, h); err != nil {
			fmt.Fprint(os.Stderr, err, "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		fmt.Fprint(os.Stderr, startHelp)
		os.Exit(2)
	}
	freeze(h, slog.Default())
	lambda.Start(h)
}

const startHelp = `gatesock: a Lambda function, but it does not run in Lambda:
AWS_LAMBDA_RUNTIME_API is not set.

To run the handlers here too, write main like this:

	if gatesock.InLambda() {
		gatesock.Start(router)
	}
	err := emulator.ListenAndServe(ctx, "localhost:3001", router, emulator.Config{})

GATESOCK_DESCRIBE=1 prints a description instead, in Lambda or not. See
github.com/gatesock/gatesock/emulator and examples/hello.
`

// printDescription writes the description of the App that AppOf finds, as one line. A line break
// before it ends what the program may have printed.
func printDescription(w io.Writer, h lambda.Handler) error {
	app, ok := AppOf(h)
	if !ok {
		return fmt.Errorf("gatesock: a %T does not describe itself, because it is not an App; "+
			"if it wraps a Router or a mux, use gatesock.Wrap or add a method Unwrap", h)
	}
	app.Freeze()
	doc, err := app.Describe().MarshalJSON()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", doc)
	return err
}

// App is a [lambda.Handler] that describes itself: a [Router], or the mux of package eventmux. The
// emulator and package wstest take the routes and the authorizer from the description, and [Start]
// checks the registration before the first event.
//
// A handler that wraps an App, for example to trace events, must not hide it. [Wrap] returns a
// handler that does not. Your own type can have a method Unwrap instead, which [AppOf] uses to find
// the App:
//
//	func (h *tracer) Unwrap() lambda.Handler { return h.next }
type App interface {
	lambda.Handler

	// Describe returns what the API in front of the App must have. It does not freeze the App.
	Describe() Description
	// Freeze ends the registration. It panics if something that was registered cannot work.
	Freeze()
}

// maxWraps bounds the search for an App, for a handler that unwraps to itself.
const maxWraps = 100

// AppOf returns h if it is an [App], or else the first App that it finds by calling
// Unwrap() lambda.Handler, again and again. It reports whether there is one.
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

// Wrap returns h wrapped in middleware for whole events, the first one outermost. [AppOf] finds the
// [App] of h in the result, unless a middleware returns an App of its own.
//
//	gatesock.Start(gatesock.Wrap(router, func(next lambda.Handler) lambda.Handler {
//		return otellambda.WrapHandler(next)
//	}))
//
// It panics if h, a middleware, or the result of a middleware is nil.
func Wrap(h lambda.Handler, middleware ...func(next lambda.Handler) lambda.Handler) lambda.Handler {
	if h == nil {
		panic("gatesock: Wrap at " + callerSite() + ": h must not be nil")
	}
	outer := h
	for i := len(middleware) - 1; i >= 0; i-- {
		if middleware[i] == nil {
			panic(fmt.Sprintf("gatesock: Wrap at %s: middleware %d must not be nil", callerSite(), i))
		}
		if outer = middleware[i](outer); outer == nil {
			panic(fmt.Sprintf("gatesock: Wrap at %s: middleware %d returned nil", callerSite(), i))
		}
	}
	if _, ok := AppOf(outer); ok {
		return outer // it describes itself
	}
	return wrapped{outer, h}
}

// wrapped is a handler and the handler that it wraps.
type wrapped struct {
	lambda.Handler
	inner lambda.Handler
}

func (w wrapped) Unwrap() lambda.Handler { return w.inner }

// freeze freezes the App that AppOf finds, and warns if it finds none.
func freeze(h lambda.Handler, log *slog.Logger) {
	app, ok := AppOf(h)
	if !ok {
		log.Warn("gatesock: the handler given to Start is not an App, so its registration is not checked before the first event; "+
			"if it wraps a Router or a mux, use gatesock.Wrap or add a method Unwrap",
			slog.String("handler", fmt.Sprintf("%T", h)))
		return
	}
	app.Freeze()
}
