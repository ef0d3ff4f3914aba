package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

var errCut = errors.New("fleet: the device is offline")

// cable is the network of one device: it can be cut, for some time.
type cable struct {
	dialer net.Dialer

	mu    sync.Mutex
	open  map[*plugged]struct{}
	until time.Time
}

func newCable() *cable {
	return &cable{dialer: net.Dialer{Timeout: 10 * time.Second}, open: make(map[*plugged]struct{})}
}

// cut ends all connections, and refuses others for some time.
func (c *cable) cut(d time.Duration) {
	c.mu.Lock()
	c.until = time.Now().Add(d)
	open := c.open
	c.open = make(map[*plugged]struct{})
	c.mu.Unlock()
	for conn := range open {
		conn.cut.Store(true)
		_ = conn.Close()
	}
}

// DialContext is that of net.Dialer.
func (c *cable) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if c.isCut() {
		return nil, errCut
	}
	raw, err := c.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &plugged{Conn: raw, cable: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		_ = raw.Close()
		return nil, errCut
	}
	c.open[conn] = struct{}{}
	return conn, nil
}

// openMQTT opens the connection of an MQTT client.
func (c *cable) openMQTT(address *url.URL, o mqtt.ClientOptions) (net.Conn, error) {
	if address.Scheme != "ssl" {
		return c.DialContext(context.Background(), "tcp", address.Host)
	}
	conn, err := c.DialContext(context.Background(), "tcp", address.Host)
	if err != nil {
		return nil, err
	}
	config := o.TLSConfig.Clone()
	config.ServerName = address.Hostname()
	return tls.Client(conn, config), nil
}

func (c *cable) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.until)
}

// client returns an HTTP client that uses the cable.
func (c *cable) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: c.DialContext, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10,
	}}
}

// plugged is a connection that the cable knows while it is open.
type plugged struct {
	net.Conn

	cable *cable
	cut   atomic.Bool
}

// Read and Write do not fail with net.ErrClosed after a cut: nobody at this end has closed the
// connection, and clients tell by the error.
func (p *plugged) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	return n, p.reason(err)
}

func (p *plugged) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	return n, p.reason(err)
}

func (p *plugged) reason(err error) error {
	if err != nil && p.cut.Load() {
		return errCut
	}
	return err
}

// Close closes the connection.
func (p *plugged) Close() error {
	p.cable.mu.Lock()
	delete(p.cable.open, p)
	p.cable.mu.Unlock()
	return p.Conn.Close()
}
