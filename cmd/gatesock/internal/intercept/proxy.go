package intercept

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/partition"
)

// quiet is for servers whose clients are told what is wrong.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// serveProxy is the proxy, and the endpoint of AWS_ENDPOINT_URL.
func (i *Interceptor) serveProxy(w http.ResponseWriter, r *http.Request) {
	if !i.begin() {
		panic(http.ErrAbortHandler)
	}
	defer i.running.Done()
	connect := r.Method == http.MethodConnect
	if !connect && !r.URL.IsAbs() {
		i.serveEndpoint(w, r)
		return
	}
	child, ok := i.authenticate(r.Header.Get("Proxy-Authorization"))
	if !ok {
		w.Header().Set("Proxy-Authenticate", `Basic realm="gatesock dev"`)
		http.Error(w, "This is the proxy of gatesock dev, for the functions that it has started.", http.StatusProxyAuthRequired)
		return
	}
	from := origin{child: child, host: r.URL.Host}
	switch intercepted := i.cfg.intercepts(from.host); {
	case connect && intercepted:
		i.terminate(w, from) //nolint:contextcheck // the connection outlives the request
	case connect:
		i.tunnel(w, r, from)
	case intercepted:
		i.answer(w, r.WithContext(context.WithValue(r.Context(), originKey{}, from)))
	default:
		i.forward.ServeHTTP(w, r)
	}
}

// authenticate returns the name of the child with these credentials (RFC 7617).
func (i *Interceptor) authenticate(header string) (name string, ok bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if !strings.EqualFold(scheme, "Basic") || err != nil {
		return "", false
	}
	_, secret, _ := strings.Cut(string(plain), ":")
	return i.childOf(secret)
}

// terminate answers CONNECT for a host that is served here.
func (i *Interceptor) terminate(w http.ResponseWriter, from origin) {
	if _, port, err := net.SplitHostPort(from.host); err != nil || !isWebPort(port) {
		i.noteRefused(hostname(from.host), from.child)
		http.Error(w, "gatesock dev: nothing on this machine serves "+from.host+", and it was not called", http.StatusForbidden)
		return
	}
	if l := i.takeOver(w, from); l != nil {
		i.admit(l)
	}
}

// takeOver takes the connection of a CONNECT request and answers that the way is open. It returns
// nil if that fails.
func (i *Interceptor) takeOver(w http.ResponseWriter, from origin) *link {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil
	}
	l := i.conns.link(conn, rw.Reader, from)
	_ = l.SetDeadline(time.Time{}) // a connection that is broken fails at the next line
	if _, err := io.WriteString(l, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = l.Close()
		return nil
	}
	return l
}

// tunnel answers CONNECT for a foreign host.
func (i *Interceptor) tunnel(w http.ResponseWriter, r *http.Request, from origin) {
	conn, in, err := i.dial(r.Context(), from.host)
	if err != nil {
		http.Error(w, "gatesock dev: "+err.Error(), http.StatusBadGateway)
		return
	}
	far := i.conns.link(conn, in, from)
	defer far.Close()
	near := i.takeOver(w, from)
	if near == nil {
		return
	}
	defer near.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		pass(far, near)
	}()
	pass(near, far)
	<-sent
}

// pass copies what one side sends. Its end is passed on too; after an error both sides are closed.
func pass(to, from *link) {
	_, err := io.Copy(to.Conn, from)
	if err == nil {
		err = to.CloseWrite()
	}
	if err != nil {
		_ = to.Close()
		_ = from.Close()
	}
}

// dial connects to a foreign host, through the developer's proxy if there is one. What is read from
// the connection begins with the reader.
func (i *Interceptor) dial(ctx context.Context, host string) (net.Conn, *bufio.Reader, error) {
	proxy, err := i.cfg.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: host}, Host: host, Header: http.Header{}})
	if err != nil {
		return nil, nil, fmt.Errorf("the proxy for %s: %w", host, err)
	}
	var dialer net.Dialer
	if proxy == nil {
		conn, err := dialer.DialContext(ctx, "tcp", host)
		if err != nil {
			return nil, nil, err
		}
		return conn, bufio.NewReader(conn), nil
	}
	conn, in, err := dialProxy(ctx, proxy, host)
	if err != nil {
		return nil, nil, fmt.Errorf("%s through the proxy %s: %w", host, proxy.Redacted(), err)
	}
	return conn, in, nil
}

// dialProxy asks a proxy for a connection.
func dialProxy(ctx context.Context, proxy *url.URL, host string) (net.Conn, *bufio.Reader, error) {
	var dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = &net.Dialer{}
	port := "80"
	switch proxy.Scheme {
	case "http":
	case "https":
		dialer, port = &tls.Dialer{}, "443"
	default:
		return nil, nil, fmt.Errorf("proxies of the kind %q are not supported", proxy.Scheme)
	}
	if p := proxy.Port(); p != "" {
		port = p
	}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	in := bufio.NewReader(conn)
	if err := askProxy(conn, in, proxy, host); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, in, nil
}

func askProxy(conn net.Conn, in *bufio.Reader, proxy *url.URL, host string) error {
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: host}, Host: host, Header: http.Header{}}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		ask.Header.Set("Proxy-Authorization",
			"Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := ask.Write(conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(in, ask) //nolint:bodyclose // a tunnel begins where the body would be
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New("it answered " + response.Status)
	}
	return nil
}

// forwarding returns what passes on requests in absolute form to foreign hosts, unchanged.
func (i *Interceptor) forwarding() httputil.ReverseProxy {
	return httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values, ok := r.In.Header[name]; ok {
					r.Out.Header[name] = values
				}
			}
		},
		Transport:     &i.transport,
		FlushInterval: -1,
		ErrorLog:      quiet(),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "gatesock dev: "+err.Error(), http.StatusBadGateway)
		},
	}
}

// serveEndpoint answers requests to AWS_ENDPOINT_URL. Their signature names the service.
func (i *Interceptor) serveEndpoint(w http.ResponseWriter, r *http.Request) {
	_, port, _ := net.SplitHostPort(i.address)
	if r.Host != i.address && r.Host != net.JoinHostPort("localhost", port) { // DNS rebinding
		http.Error(w, "gatesock dev: the host "+strconv.Quote(r.Host)+" is not served here", http.StatusForbidden)
		return
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		http.Error(w, "gatesock dev: "+err.Error(), http.StatusForbidden)
		return
	}
	host, ok := signedHost(r)
	if !ok {
		http.Error(w, "gatesock dev: this address is for signed requests to services of AWS", http.StatusForbidden)
		return
	}
	i.toHost(w, r, host)
}

// signedHost returns the usual host of the service and the region that a signature names.
func signedHost(r *http.Request) (host string, ok bool) {
	_, credential, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		credential = r.URL.Query().Get("X-Amz-Credential")
	}
	credential, _, _ = strings.Cut(credential, ",")
	scope := strings.Split(strings.TrimSpace(credential), "/") // key, day, region, service, aws4_request
	if len(scope) != 5 || !isName(scope[2]) || !isName(scope[3]) {
		return "", false
	}
	suffix := "amazonaws.com"
	if p, ok := partition.Of(scope[2]); ok {
		suffix = p.Suffix
	}
	return strings.ToLower(scope[3] + "." + scope[2] + "." + suffix), true
}

// serveAWS serves the connections that are intercepted.
func (i *Interceptor) serveAWS(w http.ResponseWriter, r *http.Request) {
	if !i.begin() {
		panic(http.ErrAbortHandler)
	}
	defer i.running.Done()
	i.answer(w, r)
}

// answer lets the handler of a host answer. The host is that of the request, which may differ from
// the one that the client has connected to.
func (i *Interceptor) answer(w http.ResponseWriter, r *http.Request) {
	host := hostname(r.Host)
	if !i.cfg.intercepts(host) {
		refuse(w, r, http.StatusMisdirectedRequest, host,
			"gatesock dev: a request with the host "+strconv.Quote(r.Host)+" came on a connection to AWS")
		return
	}
	i.toHost(w, r, host)
}

func (i *Interceptor) toHost(w http.ResponseWriter, r *http.Request, host string) {
	var h http.Handler
	if i.cfg.Host != nil {
		h = i.cfg.Host(host)
	}
	if h == nil {
		i.noteRefused(host, Caller(r.Context()))
		refuse(w, r, http.StatusForbidden, host, refusal(host))
		return
	}
	h.ServeHTTP(w, r)
}
