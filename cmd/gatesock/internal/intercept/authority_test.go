package intercept

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
)

// believed returns whether a client believes an authority for a name, with the error that says why
// not.
func believed(tb testing.TB, a *authority, name string, now time.Time) error {
	tb.Helper()
	der, err := a.sign(name, a.key, now)
	require.NoError(tb, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	if net.ParseIP(name) != nil {
		name = "[" + name + "]"
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now})
	return err
}

func TestAuthorityIsForAWSAndThisMachineAlone(t *testing.T) {
	t.Parallel()
	now := testclock.Noon()
	user, err := userAuthority(t.TempDir(), now)
	require.NoError(t, err)
	run, err := newAuthority("run", []string{"chat.example.com"}, nil, now)
	require.NoError(t, err)
	require.True(t, user.cert.PermittedDNSDomainsCritical, "clients that do not know constraints refuse it")
	for _, c := range []struct {
		a    *authority
		name string
		want bool
	}{
		{user, "abc.execute-api.us-east-1.amazonaws.com", true},
		{user, "sqs.cn-north-1.amazonaws.com.cn", true},
		{user, "abc.lambda-url.us-east-1.on.aws", true},
		{user, "localhost", true},
		{user, "host.docker.internal", true},
		{user, "127.0.0.1", true},
		{user, "192.168.1.20", true},
		{user, "::1", true},
		{user, "example.com", false},
		{user, "notamazonaws.com", false},
		{user, "amazonaws.com.example.com", false},
		{user, "8.8.8.8", false},
		{user, "2001:db8::1", false},
		{run, "chat.example.com", true},
		{run, "example.com", false},
		{run, "sqs.us-east-1.amazonaws.com", false},
		{run, "127.0.0.1", false},
		{run, "::1", false},
	} {
		require.Equal(t, c.want, c.a.permits(c.name), c.name)
		err := believed(t, c.a, c.name, now)
		if c.want {
			require.NoError(t, err, c.name)
		} else {
			require.ErrorContains(t, err, "not authorized to sign for this name", c.name)
		}
	}
}

func TestAuthorityIsKept(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "config", "gatesock")
	now := testclock.Noon()
	first, err := userAuthority(folder, now)
	require.NoError(t, err)
	again, err := userAuthority(folder, now.Add(authorityLife-renewBefore-time.Minute))
	require.NoError(t, err)
	require.Equal(t, first.cert.Raw, again.cert.Raw)
	published, err := os.ReadFile(filepath.Join(folder, certFile))
	require.NoError(t, err)
	require.Equal(t, first.pem(), published)

	for path, mode := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, keyFile): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	left, err := filepath.Glob(filepath.Join(folder, "new-*"))
	require.NoError(t, err)
	require.Empty(t, left)

	for name, change := range map[string]func() (time.Time, error){
		"it ends soon":         func() (time.Time, error) { return now.Add(authorityLife - renewBefore), nil },
		"it is of the future":  func() (time.Time, error) { return now.Add(-2 * skew), nil },
		"others read its key":  func() (time.Time, error) { return now, os.Chmod(filepath.Join(folder, keyFile), 0o644) },
		"it has another shape": func() (time.Time, error) { return now, keepAnother(folder, now) },
	} {
		before, err := userAuthority(folder, now)
		require.NoError(t, err)
		later, err := change()
		require.NoError(t, err)
		renewed, err := userAuthority(folder, later)
		require.NoError(t, err)
		require.NotEqual(t, before.cert.Raw, renewed.cert.Raw, name)
		require.NoError(t, believed(t, renewed, "localhost", later), name)
		require.NoError(t, os.Remove(filepath.Join(folder, keyFile)))
	}
}

// keepAnother replaces an authority by one that is for other names.
func keepAnother(folder string, now time.Time) error {
	another, err := newAuthority("another", []string{"example.com"}, localNetworks(), now)
	if err != nil {
		return err
	}
	file := filepath.Join(folder, keyFile)
	if err := os.Remove(file); err != nil {
		return err
	}
	return another.keep(file)
}

func TestSeveralStartAtOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var group sync.WaitGroup
	made := make([]*authority, 8)
	for n := range made {
		group.Go(func() {
			var err error
			if made[n], err = userAuthority(folder, testclock.Noon()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, a := range made {
		require.Equal(t, made[0].cert.Raw, a.cert.Raw)
	}
}

func TestBrokenKeyFile(t *testing.T) {
	t.Parallel()
	other, err := newAuthority("other", []string{"test"}, nil, testclock.Noon())
	require.NoError(t, err)
	folder := t.TempDir()
	file := filepath.Join(folder, keyFile)
	require.NoError(t, other.keep(file))
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	stranger, err := newAuthority("stranger", []string{"test"}, nil, testclock.Noon())
	require.NoError(t, err)
	key := whole[:len(whole)-len(other.pem())]
	for name, text := range map[string]string{
		"nothing": "", "no key": string(other.pem()), "a key alone": string(key), "garbage": "-----BEGIN",
		"the certificate of another key": string(key) + string(stranger.pem()),
		"no certificate":                 string(key) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := newCertificates(folder, nil, time.Now)
		require.ErrorContains(t, err, file, name)
		require.ErrorContains(t, err, "remove it, and a new one is made", name)
	}
	_, err = Start(t.Context(), Config{Folder: folder})
	require.ErrorContains(t, err, "intercept: "+file)
	_, err = Start(t.Context(), Config{Folder: file})
	require.ErrorContains(t, err, "intercept: ")
}

func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	now := testclock.Noon()
	certs, err := newCertificates(t.TempDir(), nil, func() time.Time { return now })
	require.NoError(t, err)
	first, err := certs.leaf("localhost")
	require.NoError(t, err)
	now = now.Add(leafLife/2 - time.Minute)
	again, err := certs.leaf("localhost")
	require.NoError(t, err)
	require.Same(t, first, again)
	now = now.Add(time.Minute)
	renewed, err := certs.leaf("localhost")
	require.NoError(t, err)
	require.NotSame(t, first, renewed)
	require.Equal(t, now.Add(leafLife).UTC().Truncate(time.Second), renewed.Leaf.NotAfter)
	require.NotEqual(t, first.Leaf.SerialNumber, renewed.Leaf.SerialNumber)
	for n := range maxLeaves + 10 {
		_, err := certs.leaf(net.IPv4(10, 0, byte(n>>8), byte(n)).String())
		require.NoError(t, err)
	}
	require.Equal(t, maxLeaves, certs.leaves.Len())
}

func TestNamesOfOneRun(t *testing.T) {
	t.Parallel()
	machine, err := os.Hostname()
	require.NoError(t, err)
	certs, _ := authorities(t, "Chat.Example.com:443", "chat.example.com", "own.amazonaws.com", "not a name", "")
	want := []string{"chat.example.com"}
	if name := hostname(machine); isName(name) && !certs.user.permits(name) {
		want = append(want, name)
	}
	require.Equal(t, want, certs.run.cert.PermittedDNSDomains)
	for _, name := range want {
		leaf, err := certs.leaf(name)
		require.NoError(t, err)
		require.NoError(t, leaf.Leaf.CheckSignatureFrom(certs.run.cert))
	}
	_, err = certs.leaf("example.com")
	require.ErrorContains(t, err, `no certificate for "example.com"`)
}

func TestIsName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"a": true, "a-b.c_d.e1": true, "": false, "a..b": false, ".": false, "a b": false, "*.a": false, "127.0.0.1": true, "a:1": false,
		"ä.de": false,
	} {
		require.Equal(t, want, isName(name), name)
	}
}

func TestUserCertificate(t *testing.T) {
	folder := t.TempDir()
	text, err := UserCertificate(folder)
	require.NoError(t, err)
	require.Empty(t, text, "there is none yet")
	a, err := userAuthority(folder, time.Now())
	require.NoError(t, err)
	text, err = UserCertificate(folder)
	require.NoError(t, err)
	require.Equal(t, a.pem(), text)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	text, err = UserCertificate("")
	require.NoError(t, err)
	require.Empty(t, text)
}
