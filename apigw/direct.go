package apigw

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/internal/h1"
	"github.com/gatesock/gatesock/internal/sigv4"
)

// directWire is the way over our own connections, to one endpoint. Where the endpoint turns out to prefer HTTP/2,
// which they do not speak, it goes on over net/http.
type directWire struct {
	client   *h1.Client
	fallback wire
	buffers  *buffers
}

func (w *directWire) CloseIdleConnections() {
	w.client.CloseIdleConnections()
	w.fallback.CloseIdleConnections()
}

func (w *directWire) roundTrip(ctx context.Context, r *request, a *answer) error {
	place, err := w.client.Wait(ctx)
	if err == nil {
		deadline := time.Now().Add(r.timeout)
		err = w.send(ctx, r, a, place, deadline)
		if r.timeout = time.Until(deadline); r.timeout <= 0 {
			a.late = true
			return err
		}
	}
	if errors.Is(err, h1.ErrHTTP2) {
		return w.fallback.roundTrip(ctx, r, a)
	}
	return err
}

func (w *directWire) send(ctx context.Context, r *request, a *answer, place h1.Place, deadline time.Time) error {
	if err := signBy(ctx, r, deadline); err != nil {
		w.client.Leave(place)
		return err
	}
	buf := w.buffers.get()
	wire := appendRequest((*buf)[:0], r)
	defer w.buffers.put(buf, wire)
	var resp h1.Response
	err := w.client.Do(ctx, place, deadline, wire, &resp)
	a.status, a.errorType, a.body, a.sent = resp.Status, resp.ErrorType, resp.Body, resp.Sent
	return err
}

// signBy signs a request in time.
func signBy(ctx context.Context, r *request, deadline time.Time) error {
	if r.signer == nil {
		return nil
	}
	if r.moment = r.signer.Current(); r.moment != nil { // without a context for it
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return r.sign(ctx)
}

// appendRequest writes a request in HTTP/1.1, header and body.
func appendRequest(dst []byte, r *request) []byte {
	dst = append(dst, r.method...)
	dst = append(dst, ' ')
	dst = sigv4.AppendPath(dst, r.to.path, r.connectionID)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, r.to.host...)
	dst = append(dst, "\r\nUser-Agent: "+userAgent...)
	if r.method == http.MethodPost {
		dst = append(dst, "\r\nContent-Type: "+contentType+"\r\nContent-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(r.data())), 10)
	}
	if r.moment != nil {
		dst = append(dst, "\r\nX-Amz-Date: "...)
		dst = append(dst, r.moment.Date...)
		if r.moment.Token != "" {
			dst = append(dst, "\r\nX-Amz-Security-Token: "...)
			dst = append(dst, r.moment.Token...)
		}
		dst = append(dst, "\r\nAuthorization: "...)
		dst = r.appendAuthorization(dst)
	}
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, r.data()...)
}
