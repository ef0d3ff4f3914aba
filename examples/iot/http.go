package iot

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

// maxBodyBytes is more than maxReadings readings of the largest size.
const maxBodyBytes = 512 << 10

// HTTP returns the handler of the app's HTTP requests: POST /readings and POST /results of devices,
// POST /tickets of pages, all with a key in X-Api-Key; GET /config; and the page.
func (a *App) HTTP() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /readings", post(a, a.report))
	mux.HandleFunc("POST /results", post(a, a.result))
	mux.Handle("/tickets", a.tickets.Handler(a.principalOf))
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"url": a.socketURL}, nil)
	})
	if a.page != nil {
		mux.Handle("/", a.page)
	}
	return mux
}

// principalOf returns whose key a request has.
func (a *App) principalOf(r *http.Request) (authz.Principal, error) {
	p, err := a.keys.Verify(r.Context(), r.Header.Get(keyHeader))
	if err != nil {
		return p, err
	}
	return admit(p, r.Header.Get(DeviceHeader))
}

// post returns the handler of what devices and gateways send as they do to a route.
func post[In validator, Out any](a *App, h func(context.Context, caller, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		var out Out
		p, err := a.principalOf(r)
		who := newCaller(p, viaHTTP)
		if err == nil {
			err = who.maySpeak()
		}
		if err == nil {
			in, err = decodeBody[In](http.MaxBytesReader(w, r.Body, maxBodyBytes))
			err = a.refuseBody(r.Context(), who, err)
		}
		if err == nil {
			out, err = h(r.Context(), who, in)
		}
		answer(w, out, err)
	}
}

type validator interface{ Validate() error }

// decodeBody decodes a body that is nothing but JSON, and checks it as a route does.
func decodeBody[In validator](r io.Reader) (in In, _ error) {
	text, err := io.ReadAll(r)
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err == nil {
		err = in.Validate()
	}
	return in, err
}

// refuseBody counts a body that is refused as a whole.
func (a *App) refuseBody(ctx context.Context, who caller, err error) error {
	if err == nil {
		return nil
	}
	reason := ReasonMalformed
	if errors.As(err, new(*http.MaxBytesError)) {
		reason = ReasonTooLarge
	}
	a.Refuse(ctx, who.tenant, reason, who.ID+": "+err.Error())
	return gatesock.Errorf(gatesock.CodeInvalidArgument, "%s: %v", reason, err)
}

// answer writes JSON, or an error as {"error":{"code":…,"message":…}}.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		public := publicError(err)
		w.WriteHeader(public.Code.HTTPStatus())
		v = map[string]any{"error": map[string]any{"code": public.Code, "message": public.Message}}
	}
	_ = json.NewEncoder(w).Encode(v)
}

// publicError returns what clients may know of an error.
func publicError(err error) (public *gatesock.Error) {
	switch {
	case errors.Is(err, authz.ErrUnauthenticated), errors.Is(err, authz.ErrNoCredential):
		return gatesock.Errorf(gatesock.CodeUnauthenticated, "the key is missing or not valid")
	case errors.Is(err, authz.ErrForbidden):
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the key does not allow this")
	case errors.As(err, &public):
		return public
	}
	return gatesock.Errorf(gatesock.CodeInternal, "something went wrong")
}
