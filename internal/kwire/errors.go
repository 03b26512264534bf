package kwire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Retriable reports whether the same request may succeed later without anybody changing anything. An unknown topic counts,
// because a young one looks like that until the metadata is refreshed: bound the time. Whether the request had an effect
// is another question (Definite).
func Retriable(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, kafka.ErrGenerationEnded):
		return false
	}
	var (
		code   kafka.Error
		caErr  x509.UnknownAuthorityError
		host   x509.HostnameError
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &verify), errors.As(err, &caErr), errors.As(err, &host), errors.As(err, &record):
		return false
	case errors.As(err, &code):
		// Unknown is also what kafka-go makes of a connection that was lost in ListOffsets; 51, CONCURRENT_TRANSACTIONS, says that
		// the last one is still being ended.
		return code.Temporary() || code == kafka.Unknown || code == kafka.Error(51)
	}
	var netErr net.Error
	return errors.As(err, &netErr) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, io.ErrNoProgress) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition) || errors.Is(err, protocol.ErrNoLeader)
}

// UnknownTopic reports whether err says that a topic or partition does not exist, from the broker or from kafka-go's cache.
func UnknownTopic(err error) bool {
	return errors.Is(err, kafka.UnknownTopicOrPartition) || errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition)
}

// Denied reports whether an ACL or a login forbids the call.
func Denied(err error) bool {
	for _, code := range []kafka.Error{
		kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed,
		kafka.TransactionalIDAuthorizationFailed, kafka.SASLAuthenticationFailed,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// Definite reports whether a failed produce surely wrote nothing: the broker itself refused it, or it never left
// this process. Everything else may have been written.
func Definite(err error) bool {
	if errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition) || errors.Is(err, protocol.ErrNoLeader) {
		return true
	}
	var code kafka.Error
	if !errors.As(err, &code) {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	switch code {
	case kafka.RequestTimedOut, kafka.NotEnoughReplicasAfterAppend, kafka.NetworkException, kafka.Unknown:
		return false
	default:
		return true
	}
}
