package iot

import (
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
	mux.HandleFunc("POST /readings", a.postReadings)
	mux.HandleFunc("POST /results", a.postResult)
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

// deviceOf returns the device or the gateway that has sent a request, and decodes its body.
func (a *App) deviceOf(w http.ResponseWriter, r *http.Request, body any) (caller, error) {
	p, err := a.principalOf(r)
	if err != nil {
		return caller{}, err
	}
	who := callerFrom(p, viaHTTP)
	if err := who.maySpeak(); err != nil {
		return who, err
	}
	var large *http.MaxBytesError
	err = decodeBody(http.MaxBytesReader(w, r.Body, maxBodyBytes), body)
	switch {
	case errors.As(err, &large):
		err = a.refuseBody(r, who, ReasonTooLarge, err)
	case err != nil:
		err = a.refuseBody(r, who, ReasonMalformed, err)
	}
	return who, err
}

// decodeBody decodes a body that is nothing but JSON, and checks it as a route does.
func decodeBody(r io.Reader, body any) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, body); err != nil {
		return err
	}
	if v, ok := body.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// refuseBody counts a body that is refused as a whole.
func (a *App) refuseBody(r *http.Request, who caller, reason Reason, err error) error {
	a.Refuse(r.Context(), who.tenant, reason, who.ID+": "+err.Error())
	return gatesock.Errorf(gatesock.CodeInvalidArgument, "%s: %v", reason, err)
}

func (a *App) postReadings(w http.ResponseWriter, r *http.Request) {
	var in incoming
	who, err := a.deviceOf(w, r, &in)
	if err != nil {
		answer(w, nil, err)
		return
	}
	out := a.ingest(r.Context(), who, in.Readings)
	if who.device != "" {
		out.Commands, err = a.pendingOrders(r.Context(), who.tenant, who.device)
	}
	answer(w, out, err)
}

func (a *App) postResult(w http.ResponseWriter, r *http.Request) {
	var in Result
	var out Command
	who, err := a.deviceOf(w, r, &in)
	if err == nil {
		out, err = a.takeResult(r.Context(), who, in)
	}
	answer(w, out, err)
}

// answer writes JSON, or an error as {"error":{"code":…,"message":…}}.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		status, public := publicError(err)
		w.WriteHeader(status)
		v = map[string]any{"error": map[string]any{"code": public.Code, "message": public.Message}}
	}
	_ = json.NewEncoder(w).Encode(v)
}

// publicError returns what clients may know of an error.
func publicError(err error) (int, *gatesock.Error) {
	var public *gatesock.Error
	switch {
	case errors.Is(err, authz.ErrUnauthenticated), errors.Is(err, authz.ErrNoCredential):
		public = gatesock.Errorf(gatesock.CodeUnauthenticated, "the key is missing or not valid")
	case errors.Is(err, authz.ErrForbidden):
		public = gatesock.Errorf(gatesock.CodePermissionDenied, "the key does not allow this")
	case !errors.As(err, &public):
		public = gatesock.Errorf(gatesock.CodeInternal, "something went wrong")
	}
	return public.Code.HTTPStatus(), public
}
