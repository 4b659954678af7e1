/** Where requests to S3 name the bucket. `auto`: in the path with an endpoint of one's own, else in the host's name. */
export const S3_ADDRESSING = ['auto', 'path', 'virtual'] as const;
export type S3Addressing = (typeof S3_ADDRESSING)[number];
