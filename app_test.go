package gatesock_test

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

type handlerFunc func(context.Context, []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

// tracer is a wrapper with a method Unwrap.
type tracer struct{ next lambda.Handler }

func (t tracer) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return t.next.Invoke(ctx, payload)
}

func (t tracer) Unwrap() lambda.Handler { return t.next }

// embedding is a wrapper that embeds the router.
type embedding struct{ *gatesock.Router }

// forgetful is a wrapper that hides what it wraps.
type forgetful struct{ lambda.Handler }

// circular unwraps to itself.
type circular struct{ forgetful }

func (c circular) Unwrap() lambda.Handler { return c }

func TestAppOf(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	same := func(h lambda.Handler) lambda.Handler { return forgetful{h} }
	for name, tt := range map[string]struct {
		handler lambda.Handler
		finds   bool
	}{
		"a router":           {r, true},
		"embedded":           {embedding{r}, true},
		"unwrapped":          {tracer{r}, true},
		"unwrapped twice":    {tracer{tracer{r}}, true},
		"wrapped":            {gatesock.Wrap(r, same, same), true},
		"wrapped in nothing": {gatesock.Wrap(r), true},
		"both":               {tracer{gatesock.Wrap(tracer{r}, same)}, true},
		"nothing":            {nil, false},
		"forgetful":          {forgetful{r}, false},
		"circular":           {circular{}, false},
		"around nothing":     {tracer{}, false},
	} {
		app, ok := gatesock.AppOf(tt.handler)
		require.Equal(t, tt.finds, ok, name)
		if ok {
			require.Equal(t, r.Describe(), app.Describe(), name)
		}
	}
}

func TestWrapPutsTheFirstOutermost(t *testing.T) {
	t.Parallel()
	says := func(word string) func(lambda.Handler) lambda.Handler {
		return func(next lambda.Handler) lambda.Handler {
			return handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
				return next.Invoke(ctx, append(payload, word...))
			})
		}
	}
	echo := handlerFunc(func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil })
	out, err := gatesock.Wrap(echo, says("a"), says("b")).Invoke(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "ab", string(out))
}

// A middleware may return an App with a description of its own.
func TestWrapKeepsAnAppOfTheMiddleware(t *testing.T) {
	t.Parallel()
	other := gatesock.New()
	gatesock.Handle(other, "other", ignore)
	h := gatesock.Wrap(gatesock.New(), func(lambda.Handler) lambda.Handler { return tracer{other} })
	app, ok := gatesock.AppOf(h)
	require.True(t, ok)
	require.Same(t, other, app)
}

func TestWrapPanicsOnNil(t *testing.T) {
	t.Parallel()
	for says, wrap := range map[string]func(){
		`^gatesock: Wrap at \S+app_test.go:\d+: h must not be nil$`:            func() { gatesock.Wrap(nil) },
		`^gatesock: Wrap at \S+app_test.go:\d+: middleware 0 must not be nil$`: func() { gatesock.Wrap(gatesock.New(), nil) },
		`^gatesock: Wrap at \S+app_test.go:\d+: middleware 0 returned nil$`:    func() { gatesock.Wrap(gatesock.New(), func(lambda.Handler) lambda.Handler { return nil }) },
	} {
		func() {
			defer func() { require.Regexp(t, says, recover()) }()
			wrap()
		}()
	}
}
