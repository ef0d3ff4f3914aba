package emulator

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// upgrade runs a handshake, then the connection until its end.
func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 {
		writeMessage(w, http.StatusBadRequest, "", "Bad Sec-WebSocket-Key")
		return
	}
	if r.Header.Get("Sec-WebSocket-Version") != "13" {
		w.Header().Set("Sec-WebSocket-Version", "13")
		writeMessage(w, http.StatusUpgradeRequired, "", http.StatusText(http.StatusUpgradeRequired))
		return
	}
	g.fronts.begin()
	open := make(chan struct{})
	ended := func() {
		g.fronts.end()
		close(open)
	}
	out := newOutbound(&g.fronts, g.cfg.OutboundBuffer)
	s, err := g.Connect(r.Context(), g.handshakeOf(r), out)
	if err != nil {
		writeRefusal(w, err)
		ended()
		return
	}
	conn, in, err := switchProtocols(w, key, s.subprotocols)
	if err != nil {
		g.cfg.Logger.Error("the handshake could not be answered", slog.Any("error", err))
		s.end(g.cfg.Undocumented.AbnormalClose, byClient).start()
		ended()
		return
	}
	if head := headOf(r); head != nil {
		head.forget()
	}
	out.attach(conn)
	c := socket{session: s, conn: conn, in: in, frames: frameReader{r: in}, out: out, ended: ended}
	c.read(r.Context())
	<-open
}

// handshakeOf makes a handshake of a request. The client's address is the connection's, whatever a proxy says.
func (g *Gateway) handshakeOf(r *http.Request) Handshake {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	ip, _, _ = strings.Cut(ip, "%") // the zone of an IPv6 address is this machine's affair
	header, spelled := clientHeader(r)
	if !spelled {
		g.noteSpelling.Do(func() {
			g.cfg.Logger.Info("events have the names of headers in net/http's spelling, not the client's: serve the gateway by emulator.Serve or from an emulator.NewListener")
		})
	}
	return Handshake{
		Header: header, spelled: spelled, Query: parseQuery(r.URL.RawQuery), Host: r.Host, SourceIP: ip, path: wirePath(r),
		Authorizer: authorizerOf(r.Context()), UsageKey: usageKeyOf(r.Context()),
	}
}

// writeRefusal answers a handshake that did not succeed.
func writeRefusal(w http.ResponseWriter, err error) {
	var refused *HandshakeError
	switch {
	case !errors.As(err, &refused): // the context's error: the client has gone, and this status is for nobody
		w.WriteHeader(http.StatusBadGateway)
	case refused.Message == "":
		w.WriteHeader(refused.StatusCode)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(refused.StatusCode)
		_, _ = w.Write(errorFrame(refused.Message, refused.ConnectionID, refused.RequestID))
	}
}

// switchProtocols takes the connection over and answers 101. Of what the handler returned only the subprotocols
// reach the client; the spelling of the names is as observed (websockets#1065).
func switchProtocols(w http.ResponseWriter, key string, subprotocols []string) (net.Conn, *bufio.Reader, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("taking the connection over: %w", err)
	}
	b := append(make([]byte, 0, 256), "HTTP/1.1 101 Switching Protocols\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nConnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "...)
	b = append(b, acceptKey(key)...)
	for _, p := range subprotocols {
		b = append(append(b, "\r\nsec-websocket-protocol: "...), p...)
	}
	b = append(b, "\r\n\r\n"...)
	if err = conn.SetDeadline(time.Time{}); err == nil {
		_, err = conn.Write(b)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("writing the answer: %w", err), conn.Close())
	}
	return conn, rw.Reader, nil
}

// acceptKey proves that the server has read the key (RFC 6455, section 1.3).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}
