package intercept

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/bounded"
)

// maxLeaves is how many certificates are remembered.
const maxLeaves = 1000

// certificates makes certificates when clients ask for them. It is safe for concurrent use.
type certificates struct {
	user *authority // kept in the folder of the user
	// run is for the names of this run that user does not permit: custom domains and the machine's
	// name. Nothing keeps its key.
	run *authority
	key *ecdsa.PrivateKey // of all certificates
	now func() time.Time

	mu     sync.Mutex
	leaves *bounded.Map[string, *tls.Certificate]
}

func newCertificates(folder string, domains []string, now func() time.Time) (*certificates, error) {
	user, err := userAuthority(folder, now())
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &certificates{user: user, key: key, now: now, leaves: bounded.New[string, *tls.Certificate](
		maxLeaves, func(leaf *tls.Certificate) int64 { return leaf.Leaf.NotAfter.UnixNano() })}
	if names := c.others(domains); len(names) > 0 {
		c.run, err = newAuthority("gatesock dev for one run", names, nil, now())
	}
	return c, err
}

// others returns the domains and the name of this machine, but for those that user permits.
func (c *certificates) others(domains []string) (names []string) {
	if machine, err := os.Hostname(); err == nil {
		domains = append(slices.Clone(domains), machine)
	}
	for _, domain := range domains {
		if name := hostname(domain); isName(name) && !c.user.permits(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isName reports whether a host can be in a certificate as a name.
func isName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// pem returns the certificates of the authorities.
func (c *certificates) pem() []byte {
	text := c.user.pem()
	if c.run != nil {
		text = append(text, c.run.pem()...)
	}
	return text
}

// get returns a certificate for the name that a client asks for, or, if it asks for none, as for an
// address, for the address that it has reached.
func (c *certificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := hostname(hello.ServerName)
	if name == "" {
		name = hostname(hello.Conn.LocalAddr().String())
	}
	return c.leaf(name)
}

func (c *certificates) leaf(name string) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if leaf, ok := c.leaves.Get(name); ok && now.Add(leafLife/2).Before(leaf.Leaf.NotAfter) {
		return leaf, nil
	}
	signer := c.user
	if !signer.permits(name) {
		signer = c.run
	}
	if signer == nil || !signer.permits(name) {
		return nil, fmt.Errorf("intercept: no certificate for %.100q, which is neither of AWS nor of this machine", name)
	}
	der, err := signer.sign(name, c.key, now)
	if err != nil {
		return nil, fmt.Errorf("intercept: a certificate for %.100q: %w", name, err)
	}
	leaf := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: c.key}
	if leaf.Leaf, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	c.leaves.Set(name, leaf)
	return leaf, nil
}

// config returns a configuration for servers that speak HTTP/1.1. A client that speaks HTTP/2 alone
// gets that if both is set.
func (c *certificates) config(both bool) *tls.Config {
	one := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}
	if !both {
		return one
	}
	two := one.Clone()
	two.NextProtos = []string{"h2"}
	config := one.Clone()
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, "h2") && !slices.Contains(hello.SupportedProtos, "http/1.1") {
			return two, nil
		}
		return one, nil
	}
	return config
}
