package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/gatesock/gatesock/bench/internal/wsload"
)

// startBare starts the bare echo server.
func startBare(ctx context.Context) (*server, error) { return startEcho(ctx, echoFrames) }

// startExample starts the echo server that the library's README shows.
func startExample(ctx context.Context) (*server, error) { return startEcho(ctx, echoMessages) }

// startEcho starts a server that upgrades connections and passes each to echo.
func startEcho(ctx context.Context, echo func(net.Conn, *bufio.ReadWriter) error) (*server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := http.Server{Handler: upgrade(echo), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- h.Serve(l) }()
	return &server{
		address: l.Addr().String() + "/",
		counts:  func() counts { return counts{} },
		close: func(context.Context) error {
			err := h.Close()
			if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
				err = errors.Join(err, ended)
			}
			return err
		},
	}, nil
}

// upgrade takes connections over from net/http.
func upgrade(echo func(net.Conn, *bufio.ReadWriter) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, rw, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		// The error means that the client is gone.
		_ = echo(conn, rw)
	}
}

// echoFrames sends every frame back, the close frame too. It uses the buffers that net/http made
// for the connection, so that a frame takes one system call to read and one to write.
func echoFrames(_ net.Conn, rw *bufio.ReadWriter) error {
	in := wsload.FrameReader{R: rw.Reader}
	for {
		h, payload, err := in.Next()
		if err != nil {
			return err
		}
		if err := ws.WriteFrame(rw, ws.NewFrame(h.OpCode, h.Fin, payload)); err != nil {
			return err
		}
		if err := rw.Flush(); err != nil || h.OpCode == ws.OpClose {
			return err
		}
	}
}

// echoMessages is the loop of the library's first example. It allocates each message, and reads
// header, mask and payload from the connection without a buffer.
func echoMessages(conn net.Conn, _ *bufio.ReadWriter) error {
	for {
		msg, op, err := wsutil.ReadClientData(conn)
		if err != nil {
			return err
		}
		if err := wsutil.WriteServerMessage(conn, op, msg); err != nil {
			return err
		}
	}
}
