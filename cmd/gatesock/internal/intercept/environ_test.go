package intercept

import (
	"context"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
)

// trust writes the certificate of a new authority to a file and returns both.
func trust(t *testing.T, name string) (file string, a *authority) {
	t.Helper()
	a, err := newAuthority(name, []string{"test"}, nil, testclock.Noon())
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), name+".pem")
	require.NoError(t, os.WriteFile(file, a.pem(), 0o600))
	return file, a
}

// names returns the common names of the certificates of a file.
func names(t *testing.T, file string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	for _, subject := range pool.Subjects() { //nolint:staticcheck // not of the system's pool
		for _, name := range []string{"system", "bundle", "node", "requests", "curl", "child", "gatesock dev on this machine"} {
			if strings.Contains(string(subject), name) {
				list = append(list, name)
			}
		}
	}
	return list
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	system, _ := trust(t, "system")
	bundle, _ := trust(t, "bundle")
	node, _ := trust(t, "node")
	requests, _ := trust(t, "requests")
	curl, _ := trust(t, "curl")
	child, _ := trust(t, "child")
	i := intercept(t, Config{Real: []string{".s3.amazonaws.com"}, Domains: []string{"Chat.Example.com"}, Environ: []string{
		"SSL_CERT_FILE=" + system, "AWS_CA_BUNDLE=" + bundle, "NODE_EXTRA_CA_CERTS=" + node, "REQUESTS_CA_BUNDLE=" + requests,
		"CURL_CA_BUNDLE=" + curl, "AWS_SECRET_ACCESS_KEY=of the developer", "HTTPS_PROXY=http://corporate:8080", "NO_PROXY=.amazonaws.com",
	}})
	env := i.environ(t, Child{Name: "chat", Env: []string{
		"TABLE=table", "NODE_OPTIONS=--first", "NODE_OPTIONS=--enable-source-maps", "NODE_EXTRA_CA_CERTS=" + child,
		"HTTPS_PROXY=http://other:1", "NO_PROXY=*", "no_proxy=*", "ALL_PROXY=socks5://other:2", "all_proxy=socks5://other:2", "AWS_CA_BUNDLE=/var/task/missing.pem",
	}})
	proxy, err := url.Parse(env["HTTPS_PROXY"])
	require.NoError(t, err)
	require.Equal(t, i.address, proxy.Host)
	require.Equal(t, "http", proxy.Scheme)
	for _, name := range []string{"https_proxy", "HTTP_PROXY", "http_proxy"} {
		require.Equal(t, env["HTTPS_PROXY"], env[name])
	}
	for _, name := range []string{"ALL_PROXY", "all_proxy"} {
		require.Empty(t, env[name])
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		require.Equal(t, "localhost,127.0.0.1,::1", env[name])
	}
	all := []string{"system", "bundle", "node", "requests", "curl", "child", "gatesock dev on this machine"}
	for _, name := range []string{"AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
		require.Equal(t, all, names(t, env[name]), name)
	}
	require.Equal(t, all[1:], names(t, env["NODE_EXTRA_CA_CERTS"]), "Node.js has the roots of the system's")
	require.Equal(t, `--enable-source-maps --require "`+filepath.Join(i.run, "preload.cjs")+`"`, env["NODE_OPTIONS"])
	require.FileExists(t, filepath.Join(i.run, "preload.cjs"))
	require.Equal(t, "table", env["TABLE"])
	require.Equal(t, "true", env["AWS_EC2_METADATA_DISABLED"])
	require.Contains(t, env["GATESOCK_INTERCEPT"], `"chat.example.com"`)
	require.Contains(t, env["GATESOCK_INTERCEPT"], `".s3.amazonaws.com"`)
	require.NotContains(t, env, "AWS_SECRET_ACCESS_KEY")

	require.Equal(t, env["HTTPS_PROXY"], i.environ(t, Child{Name: "chat"})["HTTPS_PROXY"])
	require.NotEqual(t, env["HTTPS_PROXY"], i.environ(t, Child{Name: "other"})["HTTPS_PROXY"])
	require.Equal(t, all[:5], names(t, i.environ(t, Child{Name: "chat"})["SSL_CERT_FILE"])[:5])
}

func TestMachineWithoutRoots(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{Environ: []string{"SSL_CERT_FILE=/nowhere/roots.pem"}})
	env := i.environ(t, Child{Env: []string{"SSL_CERT_FILE=/of/the/child.pem"}})
	require.Equal(t, []string{"gatesock dev on this machine"}, names(t, env["AWS_CA_BUNDLE"]))
	require.NotContains(t, env, "REQUESTS_CA_BUNDLE")
	require.Equal(t, "/of/the/child.pem", env["SSL_CERT_FILE"])
}

func TestSystemHasRoots(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := filepath.Join(folder, "text.pem")
	require.NoError(t, os.WriteFile(text, []byte("no certificate\n"), 0o600))
	require.Nil(t, trusted([]string{"SSL_CERT_FILE=" + text}))
	file, a := trust(t, "system")
	kept := append([]byte("# a comment\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), a.pem()...)
	require.NoError(t, os.WriteFile(file, kept, 0o600))
	require.Equal(t, a.pem(), trusted([]string{"SSL_CERT_FILE=" + file}), "certificates alone")
}

func TestOptionIsQuoted(t *testing.T) {
	t.Parallel()
	require.Equal(t, `"C:\\a \"b\"\\c"`, quoteOption(`C:\a "b"\c`))
}

func TestPathThatIsTooLongForASocket(t *testing.T) {
	t.Parallel()
	l, err := listenPrivate(t.Context(), filepath.Join(t.TempDir(), strings.Repeat("x", maxSocketPath)))
	require.NoError(t, err)
	defer l.Close()
	require.Equal(t, "tcp", l.Addr().Network())
	i := &Interceptor{}
	settings, err := i.settings(&child{listener: l}, "")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.Contains(t, settings, `"to":{"host":"127.0.0.1","port":`+port+`}`)
}

func TestNoFolderForARun(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	_, err := Start(context.WithoutCancel(t.Context()), Config{Folder: t.TempDir()})
	require.ErrorContains(t, err, "intercept: ")
}
