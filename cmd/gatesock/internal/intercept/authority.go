package intercept

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/private"
)

const (
	// authorityLife is how long an authority lasts; it is made anew when less than renewBefore
	// remains.
	authorityLife = 2 * 365 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
	// leafLife is how long a certificate lasts. A process that runs for longer gets new ones.
	leafLife = 24 * time.Hour
	// skew allows for clocks of children that are behind, and for those that tests turn back.
	skew = time.Hour

	keyFile  = "ca-key.pem" // private key and certificate, so that both change in one step
	certFile = "ca.pem"
)

// authority signs certificates for some names alone: clients refuse those that it signs for others.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// localNames are the domains that the authority of a user signs for, besides those of AWS: this
// machine and the names of private networks.
func localNames() []string {
	return []string{"localhost", "local", "internal", "lan", "home.arpa", "test"}
}

// localNetworks are the addresses that it signs for: those of this machine and of private networks.
func localNetworks() []*net.IPNet {
	var networks []*net.IPNet
	for _, cidr := range []string{
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
		"::1/128", "fc00::/7", "fe80::/10",
	} {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			panic(err) // the list is wrong
		}
		networks = append(networks, network)
	}
	return networks
}

// newAuthority makes an authority for names and what is below them, and for networks.
func newAuthority(name string, names []string, networks []*net.IPNet, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		SerialNumber:                serial,
		Subject:                     pkix.Name{Organization: []string{"gatesock dev"}, CommonName: name},
		NotBefore:                   now.Add(-skew),
		NotAfter:                    now.Add(authorityLife),
		KeyUsage:                    x509.KeyUsageCertSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         names,
		PermittedIPRanges:           networks,
	}
	if len(networks) == 0 { // without a constraint every address would be permitted
		all4, all6 := net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
			net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		template.ExcludedIPRanges = []*net.IPNet{&all4, &all6}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{key: key, cert: cert}, err
}

func serialNumber() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}

// userAuthority returns the authority that a folder keeps, and makes it if it is missing, has
// another shape than today's, ends soon, or others could read its key. Several processes may do
// that at once.
func userAuthority(folder string, now time.Time) (*authority, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(folder, keyFile)
	for range 3 {
		kept, err := readAuthority(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case kept.usable(now) && private.Is(file):
			return kept, kept.publish(folder)
		default:
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		made, err := newAuthority("gatesock dev on this machine", slices.Concat(suffixes(), localNames()), localNetworks(), now)
		if err != nil {
			return nil, err
		}
		// If another process was faster, the file is there, and the next round reads it.
		if err := made.keep(file); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s changes again and again", file)
}

// usable reports whether an authority has the constraints of today's, and lasts.
func (a *authority) usable(now time.Time) bool {
	same := slices.Equal(a.cert.PermittedDNSDomains, slices.Concat(suffixes(), localNames())) &&
		slices.EqualFunc(a.cert.PermittedIPRanges, localNetworks(), func(x, y *net.IPNet) bool {
			return x.String() == y.String()
		})
	return same && a.cert.IsCA && now.After(a.cert.NotBefore) && now.Add(renewBefore).Before(a.cert.NotAfter)
}

// keep writes an authority to a file that must not exist, whole or not at all.
func (a *authority) keep(file string) error {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), a.pem()...)
	written, err := private.Temp(filepath.Dir(file), text)
	if err != nil {
		return err
	}
	defer os.Remove(written)
	return os.Link(written, file)
}

// publish writes the certificate beside the key, for clients that are to trust it.
func (a *authority) publish(folder string) error {
	file := filepath.Join(folder, certFile)
	if text, err := os.ReadFile(file); err == nil && bytes.Equal(text, a.pem()) {
		return nil
	}
	return private.Write(file, a.pem())
}

// UserCertificate returns the certificate of the authority that a folder keeps, in PEM, for clients
// that are to trust it. It is empty if there is none. A folder "" stands for the default of
// [Config.Folder].
func UserCertificate(folder string) ([]byte, error) {
	if folder == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, err
		}
		folder = filepath.Join(config, "gatesock")
	}
	text, err := os.ReadFile(filepath.Join(folder, certFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// readAuthority reads what keep has written.
func readAuthority(file string) (*authority, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	broken := func(what string) error {
		return fmt.Errorf("%s %s: remove it, and a new one is made", file, what)
	}
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, broken("has no private key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, broken("has no private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if block, _ = pem.Decode(rest); !ok || block == nil {
		return nil, broken("has no certificate for its key")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, broken("has no certificate for its key")
	}
	return &authority{key: key, cert: cert}, nil
}

// pem returns the certificate in PEM.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// permits reports whether clients believe the authority for a name or an address.
func (a *authority) permits(name string) bool {
	if ip := net.ParseIP(name); ip != nil {
		return slices.ContainsFunc(a.cert.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(ip) })
	}
	return slices.ContainsFunc(a.cert.PermittedDNSDomains, func(domain string) bool { return within(name, domain) })
}

// sign returns a certificate for a name or an address.
func (a *authority) sign(name string, key *ecdsa.PrivateKey, now time.Time) ([]byte, error) {
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"gatesock dev"}},
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	return x509.CreateCertificate(rand.Reader, &template, a.cert, &key.PublicKey, a.key)
}
