package dynamolocal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Authorization is a header that the server takes. It keeps one database for all access keys, which
// have letters and digits only.
const Authorization = "AWS4-HMAC-SHA256 Credential=gatesock/20300101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"

// Streams calls DynamoDB Streams in the service's own protocol, so that the module needs no client
// of it. Transport and URL are the server's.
type Streams struct {
	Transport http.RoundTripper
	URL       string
}

// Call calls an operation, such as "GetRecords". Numbers in out that have the type any are a
// [json.Number].
func (s Streams) Call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := newRequest(ctx, s.URL, "DynamoDBStreams_20120810."+operation, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := s.Transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", operation, response.Status, strings.TrimSpace(string(text)))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(out)
}

func newRequest(ctx context.Context, url, target string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Authorization", Authorization)
	return r, nil
}
