package emulator

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsontext"
)

// headerErrorType names the error's type for SDKs, which matters most for 410, whose body is empty (inferred from
// how SDKs fail on it: laravel-echo-api-gateway#9, aws-sdk-java#2200).
const headerErrorType = "x-amzn-ErrorType"

// serveConnection is the @connections API (AWS, API Gateway Management API reference).
func (g *Gateway) serveConnection(w http.ResponseWriter, r *http.Request, to gatesock.Target) {
	if err := g.crossOrigin.Check(r); err != nil {
		g.cfg.Logger.Warn("@connections call refused", logged("origin", r.Header.Get("Origin")), loggedError(err))
		writeMessage(w, http.StatusForbidden, "ForbiddenException", "The emulator refuses @connections calls by pages of another origin: nobody has signed them")
		return
	}
	data, err := readBody(w, r)
	switch {
	case err != nil:
		writeMessage(w, http.StatusBadRequest, "BadRequestException", "The request body could not be read")
		return
	case len(data) > gatesock.MaxMessageSize: // not read to its end, so that no signature of it can be verified
		writeError(w, to, gatesock.ErrTooLarge)
		return
	case !g.checkSignature(w, r, data):
		return
	}
	switch r.Method {
	case http.MethodPost:
		if err = g.Post(r.Context(), to, data); err == nil {
			w.WriteHeader(http.StatusOK)
		}
	case http.MethodGet:
		var info gatesock.ConnectionInfo
		if info, err = g.Info(r.Context(), to); err == nil {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(appendInfo(nil, info))
		}
	case http.MethodDelete:
		if err = g.Disconnect(r.Context(), to); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	default:
		writeNoRoute(w, "@connections/"+to.ConnectionID, r.Method)
	}
	if err != nil {
		writeError(w, to, err)
	}
}

// bodyTimeout is how long a client may take to send the body of a call.
const bodyTimeout = 30 * time.Second

// readBody reads a body, as far as it is needed to see that it is too large. The server's timeout for the whole of a request
// can't bound that, since handlers of $connect may take longer.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// A ResponseWriter without deadlines has no client to wait for.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	return io.ReadAll(io.LimitReader(r.Body, gatesock.MaxMessageSize+1))
}

// writeError answers with an error's status, type and body; see §7 of docs/gateway-facts.md.
func writeError(w http.ResponseWriter, to gatesock.Target, err error) {
	switch {
	case errors.Is(err, gatesock.ErrGone):
		w.Header().Set(headerErrorType, "GoneException")
		w.WriteHeader(http.StatusGone)
	case errors.Is(err, gatesock.ErrBadConnectionID):
		writeMessage(w, http.StatusBadRequest, "BadRequestException", "Invalid connectionId: "+to.ConnectionID)
	case errors.Is(err, gatesock.ErrTooLarge):
		writeMessage(w, http.StatusRequestEntityTooLarge, "PayloadTooLargeException", "Payload is larger than 131072 bytes")
	case errors.Is(err, gatesock.ErrThrottled):
		writeMessage(w, http.StatusTooManyRequests, "LimitExceededException", "Too Many Requests")
	case errors.Is(err, ErrNotUTF8):
		writeMessage(w, http.StatusBadRequest, "BadRequestException", ErrNotUTF8.Error())
	default:
		writeMessage(w, http.StatusInternalServerError, "InternalServerErrorException", messageInternal)
	}
}

// infoTime is the layout of times in the answer to GET: ISO 8601 with milliseconds (observed in a public capture).
const infoTime = "2006-01-02T15:04:05.000Z"

// appendInfo appends what GET answers. A missing user agent is null there, unlike in events.
func appendInfo(b []byte, i gatesock.ConnectionInfo) []byte {
	stamp := func(t time.Time) { b = append(t.UTC().AppendFormat(append(b, '"'), infoTime), '"') }
	b = append(b, `{"connectedAt":`...)
	stamp(i.ConnectedAt)
	b = jsontext.AppendString(append(b, `,"identity":{"sourceIp":`...), i.Identity.SourceIP)
	b = append(b, `,"userAgent":`...)
	if i.Identity.UserAgent == "" {
		b = append(b, "null"...)
	} else {
		b = jsontext.AppendString(b, i.Identity.UserAgent)
	}
	b = append(b, `},"lastActiveAt":`...)
	stamp(i.LastActiveAt)
	return append(b, '}')
}
