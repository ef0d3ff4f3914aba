// Package intercept leads the requests that a function sends to AWS to this machine, without a
// change of its code. Whatever address of AWS the code has or composes, such as
//
//	https://abcdefghij.execute-api.us-east-1.amazonaws.com/dev/@connections/…
//
// a handler of this process answers. Nothing that goes to a host of AWS leaves the machine, unless
// [Config.Real] allows it: a host that no handler answers is refused, and reported. Hosts that are
// not of AWS are reached as before.
//
//	i, err := intercept.Start(ctx, intercept.Config{Host: handlerOf})
//	environment, err := i.Environ(intercept.Child{Name: "chat", Env: environment})
//	command.Env = environment
//
// # How it works
//
// The child gets a proxy in HTTPS_PROXY, which serves Go, Python and most others, and the
// certificate of an authority of this machine, which signs for the hosts of AWS. Node.js ignores
// the proxy; NODE_OPTIONS loads a file into it that connects sockets for hosts of AWS elsewhere.
// Code that names this machine itself, as in http://localhost:3001, needs none of this; [Paths] is
// for what it writes behind that.
//
// Variables of the kind AWS_ENDPOINT_URL are set only if [Child.Endpoint] asks for them. An
// endpoint in code wins over them, so that they miss most calls of @connections; SDK v1 for Go and
// v2 for JavaScript ignore them; and with them a client no longer composes the addresses that it
// has on AWS. They help programs that know no proxy.
package intercept

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Config says what an [Interceptor] does. The zero value refuses every host of AWS.
type Config struct {
	// Folder is where the authority is kept between runs; it is made if it is missing. Default: the
	// folder gatesock in [os.UserConfigDir].
	Folder string
	// Host returns the handler for a host of AWS or of Domains, such as
	// "dynamodb.us-east-1.amazonaws.com": in lower case and without a port. The Host of requests is
	// as the client sent it. Nil refuses the request, with an error as AWS has them that says why.
	// Host is called for each request, concurrently.
	Host func(host string) http.Handler
	// Refused is called once for each host that was refused, with the name of the child that asked
	// first. Default: nothing is called.
	Refused func(host, who string)
	// Distrusted is called once for each child that does not trust the authority, with a host that it
	// wanted: its calls fail. Default: nothing is called.
	Distrusted func(host, who string)
	// Real are hosts of AWS that may be called, such as "sts.us-east-1.amazonaws.com". One that begins
	// with a dot stands for all hosts that end so. Default: none.
	Real []string
	// Domains are hosts that are intercepted besides those of AWS, such as custom domain names of
	// APIs.
	Domains []string
	// Environ is the environment of the developer: certificates that they trust, as in AWS_CA_BUNDLE,
	// are trusted by children too. Default: that of this process.
	Environ []string
	// Proxy returns the proxy for a request to a host that is not intercepted, or nil. Default:
	// [http.ProxyFromEnvironment].
	Proxy func(*http.Request) (*url.URL, error)
}

// Child is a process, such as an instance of a function, or several that need not be told apart.
type Child struct {
	// Name is what Config.Refused and [Caller] call it.
	Name string
	// Env is the environment that it has otherwise, as NAME=VALUE.
	Env []string
	// Endpoint sets AWS_ENDPOINT_URL too, for programs that know no proxy.
	Endpoint bool
}

// Interceptor answers requests to AWS. It is safe for concurrent use.
type Interceptor struct {
	cfg    Config
	folder string // of the authority
	run    string // folder of this run; removed by Close
	certs  *certificates
	tls    *tls.Config // for what is intercepted
	roots  []byte      // certificates that the developer's machine trusts, in PEM; nil if not known

	address   string // of the proxy
	proxy     http.Server
	forward   httputil.ReverseProxy // for requests to foreign hosts
	transport http.Transport        // of forward
	inner     http.Server           // for what is intercepted
	spelled   *handed               // connections of inner that may become WebSockets
	others    *handed

	running sync.WaitGroup
	conns   connections

	mu         sync.Mutex
	closed     bool
	children   map[string]*child // by name
	sockets    int               // how many there have been
	refused    map[string]bool   // hosts
	distrusted map[string]bool   // names of children
}

// Start starts an interceptor on a free port of this machine. ctx limits the start only. Stop it
// with [Interceptor.Close].
func Start(ctx context.Context, cfg Config) (*Interceptor, error) {
	i, err := start(ctx, cfg, time.Now)
	if err != nil {
		return nil, fmt.Errorf("intercept: %w", err)
	}
	return i, nil
}

func start(ctx context.Context, cfg Config, now func() time.Time) (*Interceptor, error) {
	if cfg.Folder == "" {
		folder, err := os.UserConfigDir()
		if err != nil {
			return nil, fmt.Errorf("no folder for the certificates of this machine: %w", err)
		}
		cfg.Folder = filepath.Join(folder, "gatesock")
	}
	if cfg.Environ == nil {
		cfg.Environ = os.Environ()
	}
	if cfg.Proxy == nil {
		cfg.Proxy = http.ProxyFromEnvironment
	}
	certs, err := newCertificates(cfg.Folder, cfg.Domains, now)
	if err != nil {
		return nil, err
	}
	i := &Interceptor{
		cfg: cfg, folder: cfg.Folder, certs: certs, tls: certs.config(true), roots: trusted(cfg.Environ),
		spelled: newHanded(), others: newHanded(),
		children: map[string]*child{}, refused: map[string]bool{}, distrusted: map[string]bool{},
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if i.run, err = newRun(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	i.address = l.Addr().String()
	i.serve(l)
	return i, nil
}

// TLSConfig returns a configuration for servers on this machine, with certificates for localhost,
// the machine's name and addresses, and the hosts that are intercepted. It is for HTTP/1.1 alone,
// which WebSockets need.
func (i *Interceptor) TLSConfig() *tls.Config { return i.certs.config(false) }

// Close stops the interceptor, closes its connections, and waits until its goroutines have ended,
// or until ctx has. Then it returns the error of ctx. It may be called more than once. Listeners of
// [Interceptor.Listen] stay open.
func (i *Interceptor) Close(ctx context.Context) error {
	i.mu.Lock()
	i.closed = true
	for _, c := range i.children {
		_ = c.listener.Close() // closed already if this is not the first call
	}
	i.mu.Unlock()
	err := errors.Join(i.proxy.Close(), i.inner.Close())
	i.conns.closeAll()
	i.transport.CloseIdleConnections()
	ended := make(chan struct{})
	go func() {
		i.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	if err = errors.Join(err, os.RemoveAll(i.run)); err != nil {
		return fmt.Errorf("intercept: closing: %w", err)
	}
	return nil
}

// Caller returns the name of the child that sent a request, from the context of the request; "" if
// it did not come through an interceptor, or not from a child.
func Caller(ctx context.Context) string {
	from, _ := ctx.Value(originKey{}).(origin)
	return from.child
}
