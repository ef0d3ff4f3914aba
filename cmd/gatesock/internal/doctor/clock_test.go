package doctor_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
)

// TestClock compares clocks by the answers that a client of the SDK gets.
func TestClock(t *testing.T) {
	t.Parallel()
	server := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ahead  time.Duration // of this machine's clock
		date   string
		want   []string
		fact   string
		differ string
	}{
		"the same": {
			ahead: 500 * time.Millisecond, want: []string{}, fact: "0s ahead of that of AWS, accurate to 500ms",
		},
		"less than a second": {ahead: 1900 * time.Millisecond, want: []string{}, fact: "1.4s ahead of that of AWS"},
		"two seconds ahead": {
			ahead: 2500 * time.Millisecond, want: []string{"warning clock"}, differ: "is 2s ahead of that of AWS",
		},
		"two minutes behind": {
			ahead: -2 * time.Minute, want: []string{"warning clock"}, differ: "is 2m0.5s behind that of AWS",
		},
		"six minutes behind": {
			ahead: -6 * time.Minute, want: []string{"error clock"}, differ: "is 6m0.5s behind that of AWS",
		},
		"an answer of no day": {date: "today", want: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				date := c.date
				if date == "" {
					date = server.Format(http.TimeFormat)
				}
				w.Header().Set("Date", date)
				w.Header().Set("X-Amzn-ErrorType", "NotFoundException")
				w.WriteHeader(http.StatusNotFound)
			}))
			t.Cleanup(s.Close)
			clock := doctor.NewClock(func() time.Time { return server.Add(c.ahead) })
			sdk := doctor.NewClients(aws.Config{
				Region: region, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), HTTPClient: s.Client(),
			}, clock, s.URL)
			_, err := sdk.Gateway.GetApi(t.Context(), &apigatewayv2.GetApiInput{ApiId: aws.String(apiID)})
			require.ErrorContains(t, err, "NotFoundException")

			x := newCloud(t)
			report, err := doctor.Examine(t.Context(), x.clients(), clock, x.target, x.app)
			require.NoError(t, err)
			require.Equal(t, c.want, short(report))
			if c.fact != "" {
				require.Contains(t, report.Facts[len(report.Facts)-1], c.fact)
			}
			if c.differ != "" {
				require.Contains(t, report.Findings[0].Problem, c.differ)
			}
			if c.date != "" {
				require.Contains(t, report.NotChecked, "the clock of this machine: no answer of AWS had a date")
			}
		})
	}
}
