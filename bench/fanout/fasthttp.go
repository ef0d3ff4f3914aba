package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/valyala/fasthttp"
)

// openFastHTTP combines well-maintained libraries. It supports neither contexts nor HTTP/2.
func openFastHTTP(o clientOrder, m *members) (fanout, error) {
	cfg, err := clientTLS(o)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(o.Endpoint)
	if err != nil {
		return nil, err
	}
	f := &fast{
		to:     *at,
		signer: v4.NewSigner(),
		client: &fasthttp.HostClient{
			Addr:                   at.Host,
			IsTLS:                  true,
			TLSConfig:              cfg,
			MaxConns:               o.Concurrency,
			DisablePathNormalizing: true,
		},
	}
	return func(ctx context.Context, group string) error {
		data, err := message(group, o.Payload)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		hash := hex.EncodeToString(sum[:])
		return byWorkers(m.ids[group], o.Concurrency, func(id string) error { return f.post(ctx, id, data, hash) })
	}, nil
}

type fast struct {
	to     url.URL
	signer *v4.Signer
	client *fasthttp.HostClient
}

func (f *fast) post(ctx context.Context, id string, data []byte, hash string) error {
	signed, err := f.sign(ctx, id, len(data), hash)
	if err != nil {
		return err
	}
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod(http.MethodPost)
	request.SetRequestURI(signed.URL.String())
	request.URI().DisablePathNormalizing = true
	for name, values := range signed.Header {
		request.Header.Set(name, values[0])
	}
	request.SetBodyRaw(data)
	if err := f.client.Do(request, response); err != nil {
		return err
	}
	if code := response.StatusCode(); code != http.StatusOK {
		return fmt.Errorf("the answer is status %d", code)
	}
	return nil
}

// sign returns a signed request. The signer only accepts requests of net/http.
func (f *fast) sign(ctx context.Context, id string, length int, hash string) (*http.Request, error) {
	to := f.to
	to.Path += "/@connections/" + id
	to.RawPath = f.to.EscapedPath() + "/%40connections/" + url.QueryEscape(id)
	r := (&http.Request{
		Method: http.MethodPost, URL: &to, Host: to.Host, ContentLength: int64(length),
		Header: http.Header{"Content-Type": {"application/octet-stream"}},
	}).WithContext(ctx)
	value, err := testCredentials().Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	return r, f.signer.SignHTTP(ctx, value, r, hash, "execute-api", region, time.Now())
}
