package doctor

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// handshakeTime is how long a handshake may take: a little longer than the gateway waits for the
// function.
const handshakeTime = 35 * time.Second

// examineHandshake opens a connection without a credential, as a client would, and closes it. The
// application gets its $connect event, and the $disconnect event if it accepts.
func (x *examination) examineHandshake(ctx context.Context) error {
	if x.clients.HTTP == nil || x.api.state != present || x.api.stageState == absent {
		return nil
	}
	address := strings.Replace(aws.ToString(x.api.ApiEndpoint), "ws", "http", 1) + "/" + x.target.Stage
	if aws.ToBool(x.api.DisableExecuteApiEndpoint) {
		x.report.leaveOut("a handshake: the API has no endpoint but those of custom domains")
		return nil
	}
	status, err := handshake(ctx, x.clients.HTTP, x.clock, address)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	finding := Finding{
		Level: Error, Part: PartStage, Check: "handshake", Subjects: []string{x.target.Stage},
		Effect: "Clients cannot connect.",
		Fix:    "See the access log of the stage and the log of the function.",
	}
	switch {
	case err != nil:
		finding.Problem = "a handshake failed: " + oneLine(err.Error())
		finding.Fix = "Check the network between this machine and AWS, and that the API is public."
		x.report.add(finding)
	case status == http.StatusTooManyRequests || status == http.StatusNotFound || status >= http.StatusInternalServerError:
		finding.Problem = fmt.Sprintf("a handshake without a credential got the status %d", status)
		x.report.add(finding)
	default:
		x.report.Facts = append(x.report.Facts, fmt.Sprintf("handshake without a credential: status %d", status))
	}
	return nil
}

// handshake asks for a WebSocket connection, and returns the status of the answer.
func handshake(ctx context.Context, client *http.Client, clock *Clock, address string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key))
	sent := clock.now()
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close() // also closes the connection
	clock.see(sent, clock.now(), answer.Header)
	return answer.StatusCode, nil
}
