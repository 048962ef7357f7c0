/** As package.json says; a test holds them equal. */
export const agentVersion = '0.1.0';
