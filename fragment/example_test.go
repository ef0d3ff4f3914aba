package fragment_test

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/fragment"
)

// A document arrives in two fragments. In Lambda the store is that of a dynamo.DB.
func ExampleRegister() {
	type Save struct {
		Text string `json:"text"`
	}
	r := gatesock.New()
	gatesock.HandleReply(r, "save", func(_ context.Context, _ *gatesock.Request, in Save) (int, error) {
		return len(in.Text), nil
	})
	fragment.Register(r, fragment.NewMemory(), fragment.WithMaxSize(1<<20))

	for _, body := range []string{
		`{\"action\":\"fragment\",\"id\":\"7\",\"index\":0,\"count\":2,\"piece\":\"{\\\"action\\\":\\\"save\\\",\\\"id\\\":\\\"7\\\"\"}`,
		`{\"action\":\"fragment\",\"id\":\"7\",\"index\":1,\"count\":2,\"piece\":\",\\\"text\\\":\\\"a long text\\\"}\"}`,
	} {
		event := `{"requestContext":{"eventType":"MESSAGE","routeKey":"fragment","connectionId":"W9In1dPTIAMCE3g="},"body":"` + body + `"}`
		response, err := r.Invoke(context.Background(), []byte(event))
		fmt.Println(string(response), err)
	}
	// Output:
	// {"statusCode":200} <nil>
	// {"statusCode":200,"body":"{\"id\":\"7\",\"action\":\"save\",\"data\":11}"} <nil>
}
