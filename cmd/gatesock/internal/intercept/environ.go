package intercept

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/private"
)

// preload is loaded into Node.js.
//
//go:embed preload.cjs
var preload []byte

const preloadFile = "preload.cjs"

// newRun makes the folder of a run, for this user alone.
func newRun() (string, error) {
	folder, err := os.MkdirTemp("", "gatesock-")
	if err != nil {
		return "", err
	}
	return folder, os.WriteFile(filepath.Join(folder, preloadFile), preload, 0o600)
}

// child is what the interceptor knows of a [Child].
type child struct {
	name     string
	secret   string       // its password at the proxy
	listener net.Listener // where Node.js connects
}

// child returns the child of a name, and makes it if it is new.
func (i *Interceptor) child(name string) (*child, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c, ok := i.children[name]; ok {
		return c, nil
	}
	if i.closed {
		return nil, errors.New("the interceptor is closed")
	}
	i.sockets++
	l, err := listenPrivate(context.Background(), filepath.Join(i.run, strconv.Itoa(i.sockets)))
	if err != nil {
		return nil, err
	}
	c := &child{name: name, secret: rand.Text(), listener: l}
	i.children[name] = c
	i.running.Go(func() { i.accept(c) })
	return c, nil
}

// maxSocketPath is the length of the longest path of a socket that all systems accept.
const maxSocketPath = 100

// listenPrivate listens on a Unix socket, which other users and web pages can't reach. Node.js on
// Windows has none; a port takes its place there, and where the path would be too long.
func listenPrivate(ctx context.Context, path string) (net.Listener, error) {
	var lc net.ListenConfig
	if runtime.GOOS == "windows" || len(path) > maxSocketPath {
		return lc.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	return lc.Listen(ctx, "unix", path)
}

// acceptAgain is how long accept waits after an error.
const acceptAgain = 5 * time.Millisecond

// accept admits the connections of a child until its listener is closed.
func (i *Interceptor) accept(c *child) {
	for {
		conn, err := c.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of files, for example
			<-time.After(acceptAgain)
			continue
		}
		l := i.conns.link(conn, bufio.NewReader(conn), origin{child: c.name})
		i.running.Go(func() { i.admit(l) })
	}
}

// childOf returns the name of the child with a secret.
func (i *Interceptor) childOf(secret string) (name string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, c := range i.children {
		if subtle.ConstantTimeCompare([]byte(c.secret), []byte(secret)) == 1 {
			return c.name, true
		}
	}
	return "", false
}

// Environ returns the environment of a child: Child.Env, and what leads its requests here. Where
// both have NODE_OPTIONS, those of Env come first. Variables of Env for proxies are replaced;
// certificates that it names are trusted. A child of the same name gets the same environment again,
// until [Interceptor.Release]. The error is one of the file system or of the network.
func (i *Interceptor) Environ(c Child) ([]string, error) {
	known, err := i.child(c.Name)
	if err != nil {
		return nil, fmt.Errorf("intercept: %w", err)
	}
	own, err := i.variables(c, known)
	if err != nil {
		return nil, fmt.Errorf("intercept: %w", err)
	}
	env := slices.DeleteFunc(slices.Clone(c.Env), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(own, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	})
	return append(env, own...), nil
}

// Release forgets a child that has ended: its secret and its socket no longer lead here. It does
// nothing if no child has that name.
func (i *Interceptor) Release(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c, ok := i.children[name]; ok {
		_ = c.listener.Close() // what it has accepted stays open
		delete(i.children, name)
	}
}

// variables returns what leads the requests of a child here.
func (i *Interceptor) variables(c Child, known *child) ([]string, error) {
	extra := slices.Concat(extraCertificates(i.cfg.Environ), extraCertificates(c.Env), i.certs.pem())
	alone, err := i.bundle(extra)
	if err != nil {
		return nil, err
	}
	settings, err := i.settings(known, alone)
	if err != nil {
		return nil, err
	}
	proxy := (&url.URL{Scheme: "http", User: url.UserPassword("function", known.secret), Host: i.address}).String()
	const local = "localhost,127.0.0.1,::1"
	own := []string{
		"HTTPS_PROXY=" + proxy, "https_proxy=" + proxy, "HTTP_PROXY=" + proxy, "http_proxy=" + proxy,
		"ALL_PROXY=", "all_proxy=", "NO_PROXY=" + local, "no_proxy=" + local,
		"AWS_EC2_METADATA_DISABLED=true",
		"NODE_EXTRA_CA_CERTS=" + alone,
		"NODE_OPTIONS=" + strings.TrimSpace(lookup(c.Env, "NODE_OPTIONS")+" --require "+quoteOption(filepath.Join(i.run, preloadFile))),
		"GATESOCK_INTERCEPT=" + settings,
	}
	if c.Endpoint && lookup(c.Env, "AWS_ENDPOINT_URL") == "" {
		own = append(own, "AWS_ENDPOINT_URL=http://"+i.address)
	}
	if i.roots == nil {
		// With no roots beside ours, these would keep the child from all other hosts.
		return append(own, "AWS_CA_BUNDLE="+alone), nil
	}
	all, err := i.bundle(slices.Concat(i.roots, extra))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
		own = append(own, name+"="+all)
	}
	return own, nil
}

// settings are what preload.cjs reads.
func (i *Interceptor) settings(c *child, certificates string) (string, error) {
	to := map[string]any{"path": c.listener.Addr().String()}
	if addr, ok := c.listener.Addr().(*net.TCPAddr); ok {
		to = map[string]any{"host": addr.IP.String(), "port": addr.Port}
	}
	names := metadata()
	for _, domain := range i.cfg.Domains {
		names = append(names, hostname(domain))
	}
	text, err := json.Marshal(map[string]any{
		"to": to, "names": names, "suffixes": suffixes(), "real": i.cfg.Real, "ca": certificates,
	})
	return string(text), err
}

// quoteOption quotes a path for NODE_OPTIONS.
func quoteOption(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}

// bundle writes certificates to a file of the run, named by its content, and returns its path.
func (i *Interceptor) bundle(certificates []byte) (string, error) {
	sum := sha256.Sum256(certificates)
	file := filepath.Join(i.run, hex.EncodeToString(sum[:8])+".pem")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	written, err := private.Temp(i.run, certificates)
	if err != nil {
		return "", err
	}
	return file, os.Rename(written, file)
}

// lookup returns the value of a variable; the last one counts.
func lookup(env []string, name string) string {
	for _, variable := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// extraCertificates returns what an environment trusts in addition to the system's roots, in PEM.
// Files that can't be read are left out, as their readers do.
func extraCertificates(env []string) (certificates []byte) {
	for _, name := range []string{"AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
		certificates = append(certificates, readCertificates(lookup(env, name))...)
	}
	return certificates
}

// readCertificates returns the certificates of a file, in PEM.
func readCertificates(file string) (certificates []byte) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return certificates
		}
		if block.Type == "CERTIFICATE" {
			certificates = append(certificates, pem.EncodeToMemory(block)...)
		}
	}
}

// trusted returns the certificates that the developer's machine trusts: those of SSL_CERT_FILE, or
// of the first file of the system that has some; nil if there is none, as on Windows.
func trusted(env []string) []byte {
	files := []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Amazon Linux
		"/etc/ssl/ca-bundle.pem",                            // openSUSE
		"/etc/ssl/cert.pem",                                 // Alpine, macOS, the BSDs
	}
	if file := lookup(env, "SSL_CERT_FILE"); file != "" {
		files = []string{file}
	}
	for _, file := range files {
		if certificates := readCertificates(file); len(certificates) > 0 {
			return certificates
		}
	}
	return nil
}
