package apigw

import "crypto/tls"

// OverNetHTTP makes a Client go over net/http, with a transport as its own one.
func OverNetHTTP(cfg *tls.Config, concurrency int) Option {
	return WithTransport(newTransport(&settings{concurrency: concurrency}, newTLSConfig(cfg)))
}
